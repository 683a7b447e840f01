// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef bitwise_not =
    define(map_one("every bit of an integer turned", "int", [](const E& x) { return make(Unary{.op = UnaryOp::bit_not, .a = x}); },
                   {"bitwise_not([5]) == [-6]", "bitwise_not(u8([5])) == u8([250])"}));

} // namespace tw::ops
