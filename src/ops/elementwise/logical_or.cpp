// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef logical_or = define(
    map_two("is one true", "bool", [](const E& a, const E& b) { return a || b; }, {"logical_or([false, true], [false]) == [false, true]"}));

} // namespace tw::ops
