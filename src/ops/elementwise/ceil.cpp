// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef ceil = define(map_one("the smallest integral number not below x", "float",
                                         [](const E& x) { return tw::call("ceil", {x}); }, {"ceil([1.5, -1.5]) == [2.0, -1.0]"}));

} // namespace tw::ops
