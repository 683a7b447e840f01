// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_min =
    define_reduce("the smallest over axes (all if none are named); NaN if one is", "number | bool", {.combine = Combine::min},
                  {"reduce_min([[1.0, 5.0], [3.0, 4.0]], axes=[-1]) == [[1.0], [3.0]]", "reduce_min([7, -2], keepdims=false) == -2"});

} // namespace tw::ops
