// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef erf =
    define(map_one("error function", "float", [](const E& x) { return tw::call("erf", {x}); }, {"erf([0.0, 1.0]) == [0.0, 0.84270079]"}));

} // namespace tw::ops
