// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef softsign = define(map_one("x / (1 + |x|)", "float", [](const E& x) { return x / (like(x, 1) + call("abs", {x})); },
                                             {"softsign([1.0, -3.0]) == [0.5, -0.75]"}));

} // namespace tw::ops
