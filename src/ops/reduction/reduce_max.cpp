// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_max = define_reduce(
    "the largest over axes (all if none are named); NaN if one is", "number | bool", {.combine = Combine::max},
    {"reduce_max([[1.0, 5.0], [3.0, 4.0]], axes=[-1]) == [[5.0], [4.0]]", "reduce_max([false, true], keepdims=false) == true"});

} // namespace tw::ops
