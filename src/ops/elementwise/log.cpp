// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef log = define(
    map_one("natural logarithm", "float", [](const E& x) { return tw::call("log", {x}); }, {"log([1.0, 2.71828183]) == [0.0, 1.0]"}));

} // namespace tw::ops
