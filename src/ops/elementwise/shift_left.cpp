// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef shift_left = define(map_two("a shifted left by b bits; 0 if b is the width or more", "int",
                                               [](const E& a, const E& b) { return binary(BinaryOp::shift_left, a, b); },
                                               {"shift_left(u8([1, 255, 1]), u8([2, 1, 9])) == u8([4, 254, 0])"}));

} // namespace tw::ops
