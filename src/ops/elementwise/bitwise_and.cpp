// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef bitwise_and =
    define(map_two("bitwise and of integers", "int", [](const E& a, const E& b) { return binary(BinaryOp::bit_and, a, b); },
                   {"bitwise_and([12, 6], [10, 3]) == [8, 2]"}));

} // namespace tw::ops
