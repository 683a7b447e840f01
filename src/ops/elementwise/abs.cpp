// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef abs =
    define(map_one("the absolute value", "number", [](const E& x) { return x->dtype.is_unsigned() ? x : call("abs", {x}); },
                   {"abs([-1.5, 2.0]) == [1.5, 2.0]", "abs(i8([-128, -3])) == i8([-128, 3])"}));

} // namespace tw::ops
