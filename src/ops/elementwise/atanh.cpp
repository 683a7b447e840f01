// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef atanh = define(
    map_one("inverse hyperbolic tangent", "float", [](const E& x) { return tw::call("atanh", {x}); }, {"atanh([0.5]) == [0.54930614]"}));

} // namespace tw::ops
