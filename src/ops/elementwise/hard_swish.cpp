// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef hard_swish =
    define(map_one("x * clip(x / 6 + 0.5, 0, 1)", "float",
                   [](const E& x) { return x * max(like(x, 0), min(like(x, 1), x * like(x, 1.0 / 6) + like(x, 0.5))); },
                   {"hard_swish([-4.0, 0.0, 3.0, 1.0]) == [0.0, 0.0, 3.0, 0.66666667]"}));

} // namespace tw::ops
