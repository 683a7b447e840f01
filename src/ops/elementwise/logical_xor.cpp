// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef logical_xor = define(map_two("is exactly one true", "bool", [](const E& a, const E& b) { return ne(a, b); },
                                                {"logical_xor([true, true], [true, false]) == [false, true]"}));

} // namespace tw::ops
