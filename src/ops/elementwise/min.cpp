// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef min = define(map_many("the smallest of all inputs; NaN if one is, with broadcasting", "number",
                                         [](const E& a, const E& b) { return tw::min(a, b); }, {"min([1, 5], [3, 2], [2, 2]) == [1, 2]"}));

} // namespace tw::ops
