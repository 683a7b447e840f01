// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef bitwise_xor =
    define(map_two("bitwise xor of integers", "int", [](const E& a, const E& b) { return binary(BinaryOp::bit_xor, a, b); },
                   {"bitwise_xor([12, 6], [10, 3]) == [6, 5]"}));

} // namespace tw::ops
