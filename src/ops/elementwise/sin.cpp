// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sin =
    define(map_one("sine", "float", [](const E& x) { return tw::call("sin", {x}); }, {"sin([0.0, 1.0]) == [0.0, 0.84147098]"}));

} // namespace tw::ops
