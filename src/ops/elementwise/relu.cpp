// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef relu = define(map_one("x where it is positive, else 0", "signed", [](const E& x) { return max(x, like(x, 0)); },
                                         {"relu([-1.0, 2.0]) == [0.0, 2.0]", "relu([-3, 3]) == [0, 3]"}));

} // namespace tw::ops
