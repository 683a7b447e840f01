// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_any = define_reduce("is one true, over axes", "bool", {.combine = Combine::logical_or},
                                              {"reduce_any([[true, false], [false, false]], axes=[1], keepdims=false) == [true, false]"});

} // namespace tw::ops
