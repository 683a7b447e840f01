// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef asin =
    define(map_one("inverse sine", "float", [](const E& x) { return tw::call("asin", {x}); }, {"asin([1.0]) == [1.57079633]"}));

} // namespace tw::ops
