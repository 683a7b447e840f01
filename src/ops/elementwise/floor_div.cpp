// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef floor_div =
    define(map_two("the largest integral number not above a / b; for integers 0 where b is 0", "number",
                   [](const E& a, const E& b) { return a->dtype.is_float() ? call("floor", {a / b}) : safe_floor_quotient(a, b); },
                   {"floor_div([7, -7, 7, 5], [2, 2, -2, 0]) == [3, -4, -4, 0]", "floor_div([7.0, -7.0], [2.0, 2.0]) == [3.0, -4.0]"}));

} // namespace tw::ops
