// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef shift_right =
    define(map_two("a shifted right by b bits, signed integers keep their sign", "int",
                   [](const E& a, const E& b) { return binary(BinaryOp::shift_right, a, b); },
                   {"shift_right([16, -16], [2, 2]) == [4, -4]", "shift_right(u8([255]), u8([4])) == u8([15])"}));

} // namespace tw::ops
