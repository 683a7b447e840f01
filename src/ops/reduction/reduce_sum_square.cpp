// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_sum_square =
    define_reduce("the sum of squares over axes", "number", {.combine = Combine::add, .before = [](const E& x) -> E { return x * x; }},
                  {"reduce_sum_square([[3.0, -4.0]], axes=[1]) == [[25.0]]"});

} // namespace tw::ops
