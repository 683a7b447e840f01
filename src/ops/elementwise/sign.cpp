// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

extern const OpDef sign = define(map_one("1, 0 or -1 like x; NaN stays", "number",
                                         [](const E& x) {
                                           E none = zero(x->dtype), one = literal(1, x->dtype);
                                           return select(x > none, one, x->dtype.is_unsigned() ? none : select(x < none, -one, x));
                                         },
                                         {"sign([2.0, -3.0, 0.0, nan]) == [1.0, -1.0, 0.0, nan]", "sign(u8([7, 0])) == u8([1, 0])"}));

} // namespace tw::ops
