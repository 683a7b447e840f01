// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef asinh = define(
    map_one("inverse hyperbolic sine", "float", [](const E& x) { return tw::call("asinh", {x}); }, {"asinh([1.0]) == [0.88137359]"}));

} // namespace tw::ops
