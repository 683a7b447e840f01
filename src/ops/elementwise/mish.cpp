// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef mish = define(map_one("x * tanh(softplus(x))", "float",
                                         [](const E& x) {
                                           E softplus = max(x, like(x, 0)) + call("log1p", {call("exp", {-call("abs", {x})})});
                                           return x * call("tanh", {softplus});
                                         },
                                         {"mish([1.0, 0.0]) == [0.86509839, 0.0]"}));

} // namespace tw::ops
