// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef max = define(map_many("the largest of all inputs; NaN if one is, with broadcasting", "number",
                                         [](const E& a, const E& b) { return tw::max(a, b); },
                                         {"max([1, 5], [3, 2], [2, 2]) == [3, 5]", "max([nan], [1.0]) == [nan]"}));

} // namespace tw::ops
