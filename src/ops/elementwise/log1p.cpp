// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef log1p = define(
    map_one("log(1 + x), exact for small x", "float", [](const E& x) { return tw::call("log1p", {x}); }, {"log1p([1e-10]) == [1e-10]"}));

} // namespace tw::ops
