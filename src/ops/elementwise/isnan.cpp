// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef isnan = define(test_one("is it not a number", "float", [](const E& x) { return call("isnan", {x}); },
                                           {"isnan([1.0, nan, inf]) == [false, true, false]"}));

} // namespace tw::ops
