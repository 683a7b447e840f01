// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef mul = define(map_two("a * b with broadcasting; integers wrap", "number", [](const E& a, const E& b) { return a * b; },
                                        {"mul([3.0, 2.0], [0.5, -1.0]) == [1.5, -2.0]", "mul([[1], [2]], [3, 4]) == [[3, 4], [6, 8]]",
                                         "mul(f16([0.1]), f16([3.0])) == f16([0.29980469])"}));

} // namespace tw::ops
