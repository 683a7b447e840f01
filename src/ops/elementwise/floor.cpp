// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef floor = define(map_one("the largest integral number not above x", "float",
                                          [](const E& x) { return tw::call("floor", {x}); }, {"floor([1.5, -1.5]) == [1.0, -2.0]"}));

} // namespace tw::ops
