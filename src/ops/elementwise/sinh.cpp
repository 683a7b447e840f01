// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sinh =
    define(map_one("hyperbolic sine", "float", [](const E& x) { return tw::call("sinh", {x}); }, {"sinh([1.0]) == [1.17520119]"}));

} // namespace tw::ops
