// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef acos =
    define(map_one("inverse cosine", "float", [](const E& x) { return tw::call("acos", {x}); }, {"acos([0.0]) == [1.57079633]"}));

} // namespace tw::ops
