// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef trunc = define(
    map_one("the integral part of x", "float", [](const E& x) { return tw::call("trunc", {x}); }, {"trunc([1.5, -1.5]) == [1.0, -1.0]"}));

} // namespace tw::ops
