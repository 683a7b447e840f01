// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef reciprocal =
    define(map_one("1 / x", "float", [](const E& x) { return like(x, 1) / x; }, {"reciprocal([4.0, 0.0]) == [0.25, inf]"}));

} // namespace tw::ops
