// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef greater_equal = define(compare_two(
    "is a >= b, element by element with broadcasting; false if one is NaN", "number", [](const E& a, const E& b) { return a >= b; },
    {"greater_equal([1, 2, 3], [2]) == [false, true, true]", "greater_equal([nan], [1.0]) == [false]"}));

} // namespace tw::ops
