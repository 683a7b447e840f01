// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_l1 =
    define_reduce("the sum of absolute values over axes", "number",
                  {.combine = Combine::add, .before = [](const E& x) -> E { return x->dtype.is_unsigned() ? x : call("abs", {x}); }},
                  {"reduce_l1([[1.0, -2.0]], axes=[1]) == [[3.0]]"});

} // namespace tw::ops
