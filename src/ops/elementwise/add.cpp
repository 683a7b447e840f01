// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef add = define(map_two("a + b with broadcasting; integers wrap", "number", [](const E& a, const E& b) { return a + b; },
                                        {"add([1.0, 2.0], [0.5, 0.5]) == [1.5, 2.5]", "add([[1], [2]], [10, 20]) == [[11, 21], [12, 22]]",
                                         "add(u8([250]), u8([10])) == u8([4])"}));

} // namespace tw::ops
