// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef equal =
    define(compare_two("is a == b, element by element with broadcasting", "any", [](const E& a, const E& b) { return eq(a, b); },
                       {"equal([1, 2], [1, 3]) == [true, false]", "equal([true], [false]) == [false]"}));

} // namespace tw::ops
