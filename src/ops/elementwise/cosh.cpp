// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef cosh =
    define(map_one("hyperbolic cosine", "float", [](const E& x) { return tw::call("cosh", {x}); }, {"cosh([1.0]) == [1.54308063]"}));

} // namespace tw::ops
