// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef not_equal =
    define(compare_two("is a != b, element by element with broadcasting", "any", [](const E& a, const E& b) { return ne(a, b); },
                       {"not_equal([1, 2], [1, 3]) == [false, true]", "not_equal([true], [false]) == [true]"}));

} // namespace tw::ops
