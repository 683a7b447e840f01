// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef mod =
    define(map_two("the remainder with the sign of b; for integers 0 where b is 0", "number",
                   [](const E& a, const E& b) {
                     if (!a->dtype.is_float()) return safe_floor_remainder(a, b);
                     E r = call("fmod", {a, b}), none = zero(a->dtype);
                     return select(ne(r, none) && ((r < none && b > none) || (r > none && b < none)), r + b, r);
                   },
                   {"mod([7, -7, 7, -7], [3, 3, -3, -3]) == [1, 2, -2, -1]", "mod([-7.5], [2.0]) == [0.5]", "mod([5], [0]) == [0]"}));

} // namespace tw::ops
