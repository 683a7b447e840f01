// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef tanh = define(
    map_one("hyperbolic tangent", "float", [](const E& x) { return tw::call("tanh", {x}); }, {"tanh([0.0, 1.0]) == [0.0, 0.76159416]"}));

} // namespace tw::ops
