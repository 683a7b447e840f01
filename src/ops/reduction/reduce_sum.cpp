// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_sum =
    define_reduce("the sum over axes (all if none are named)", "number", {.combine = Combine::add},
                  {"reduce_sum([[1.0, 2.0], [3.0, 4.0]], axes=[1], keepdims=false) == [3.0, 7.0]", "reduce_sum([[1, 2], [3, 4]]) == [[10]]",
                   "reduce_sum(zeros(f32, [2, 0]), axes=[1]) == [[0.0], [0.0]]"});

} // namespace tw::ops
