// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef neg =
    define(map_one("-x", "signed", [](const E& x) { return -x; }, {"neg([1.0, -2.0]) == [-1.0, 2.0]", "neg([3]) == [-3]"}));

} // namespace tw::ops
