// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sub = define(map_two("a - b with broadcasting; integers wrap", "number", [](const E& a, const E& b) { return a - b; },
                                        {"sub([3.0, 2.0], [0.5, 0.5]) == [2.5, 1.5]", "sub(u8([1]), u8([2])) == u8([255])"}));

} // namespace tw::ops
