// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef softplus =
    define(map_one("log(1 + exp(x)), without overflow", "float",
                   [](const E& x) { return max(x, like(x, 0)) + call("log1p", {call("exp", {-call("abs", {x})})}); },
                   {"softplus([0.0, 100.0, -100.0]) == [0.69314718, 100.0, 0.0]"}));

} // namespace tw::ops
