// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef rsqrt =
    define(map_one("1 / sqrt(x)", "float", [](const E& x) { return tw::call("rsqrt", {x}); }, {"rsqrt([4.0]) == [0.5]"}));

} // namespace tw::ops
