// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_prod =
    define_reduce("the product over axes (all if none are named)", "number", {.combine = Combine::mul},
                  {"reduce_prod([[1.0, 2.0], [3.0, 4.0]], axes=[0]) == [[3.0, 8.0]]", "reduce_prod([2, 3, 4], keepdims=false) == 24"});

} // namespace tw::ops
