// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef logical_and = define(map_two("are both true", "bool", [](const E& a, const E& b) { return a && b; },
                                                {"logical_and([true, true], [true, false]) == [true, false]"}));

} // namespace tw::ops
