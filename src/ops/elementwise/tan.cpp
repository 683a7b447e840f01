// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef tan =
    define(map_one("tangent", "float", [](const E& x) { return tw::call("tan", {x}); }, {"tan([1.0]) == [1.55740772]"}));

} // namespace tw::ops
