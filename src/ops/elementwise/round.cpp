// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef round =
    define(map_one("the nearest integral number, halves to even", "float", [](const E& x) { return tw::call("round", {x}); },
                   {"round([0.5, 1.5, -2.5]) == [0.0, 2.0, -2.0]"}));

} // namespace tw::ops
