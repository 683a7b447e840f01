// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef exp =
    define(map_one("e to the power x", "float", [](const E& x) { return call("exp", {x}); }, {"exp([0.0, 1.0]) == [1.0, 2.71828183]"}));

} // namespace tw::ops
