// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef trunc_div =
    define(map_two("the integral part of a / b; for integers 0 where b is 0", "number",
                   [](const E& a, const E& b) { return a->dtype.is_float() ? call("trunc", {a / b}) : safe_trunc_quotient(a, b); },
                   {"trunc_div([7, -7], [2, 2]) == [3, -3]", "trunc_div([7.0, -7.0], [2.0, 2.0]) == [3.0, -3.0]"}));

} // namespace tw::ops
