// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sqrt =
    define(map_one("square root", "float", [](const E& x) { return tw::call("sqrt", {x}); }, {"sqrt([4.0, 2.0]) == [2.0, 1.41421356]"}));

} // namespace tw::ops
