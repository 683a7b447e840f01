// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sigmoid = define(map_one("1 / (1 + exp(-x))", "float", [](const E& x) { return tw::call("sigmoid", {x}); },
                                            {"sigmoid([0.0, 2.0]) == [0.5, 0.88079708]"}));

} // namespace tw::ops
