// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef bitwise_or =
    define(map_two("bitwise or of integers", "int", [](const E& a, const E& b) { return binary(BinaryOp::bit_or, a, b); },
                   {"bitwise_or([12, 6], [10, 3]) == [14, 7]"}));

} // namespace tw::ops
