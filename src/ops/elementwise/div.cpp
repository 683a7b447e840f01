// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef div =
    define(map_two("a / b with broadcasting; integers are truncated towards zero, and 0 where b is 0", "number",
                   [](const E& a, const E& b) { return a->dtype.is_float() ? a / b : safe_trunc_quotient(a, b); },
                   {"div([3.0, 1.0], [2.0, 0.0]) == [1.5, inf]", "div([7, -7, 7, 5], [2, 2, -2, 0]) == [3, -3, -3, 0]"}));

} // namespace tw::ops
