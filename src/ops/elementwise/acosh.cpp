// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef acosh = define(
    map_one("inverse hyperbolic cosine", "float", [](const E& x) { return tw::call("acosh", {x}); }, {"acosh([2.0]) == [1.3169579]"}));

} // namespace tw::ops
