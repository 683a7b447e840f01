// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef cos =
    define(map_one("cosine", "float", [](const E& x) { return tw::call("cos", {x}); }, {"cos([0.0, 1.0]) == [1.0, 0.54030231]"}));

} // namespace tw::ops
