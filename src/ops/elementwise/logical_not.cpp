// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef logical_not =
    define(map_one("is it false", "bool", [](const E& x) { return !x; }, {"logical_not([true, false]) == [false, true]"}));

} // namespace tw::ops
