// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sum = define(map_many("the sum of all inputs, with broadcasting", "number", [](const E& a, const E& b) { return a + b; },
                                         {"sum([1.0], [2.0], [3.5]) == [6.5]"}));

} // namespace tw::ops
