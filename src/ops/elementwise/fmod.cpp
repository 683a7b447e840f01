// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef fmod = define(map_two("the remainder with the sign of a; for integers 0 where b is 0", "number",
                                         [](const E& a, const E& b) {
                                           return a->dtype.is_float() ? call("fmod", {a, b}) : a - safe_trunc_quotient(a, b) * b;
                                         },
                                         {"fmod([7, -7, 7, -7], [3, 3, -3, -3]) == [1, -1, 1, -1]", "fmod([-7.5], [2.0]) == [-1.5]"}));

} // namespace tw::ops
