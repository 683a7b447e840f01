// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_all = define_reduce("are all true, over axes", "bool", {.combine = Combine::logical_and},
                                              {"reduce_all([[true, false], [true, true]], axes=[1], keepdims=false) == [false, true]"});

} // namespace tw::ops
