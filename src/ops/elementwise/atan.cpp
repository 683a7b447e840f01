// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef atan =
    define(map_one("inverse tangent", "float", [](const E& x) { return tw::call("atan", {x}); }, {"atan([1.0]) == [0.78539816]"}));

} // namespace tw::ops
