// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_l2 =
    define_reduce("the square root of the sum of squares over axes", "number",
                  {.combine = Combine::add,
                   .before = [](const E& x) -> E { return x * x; },
                   .after = [](const E& total, [[maybe_unused]] const E& count) -> E {
                     return total->dtype.is_float() ? call("sqrt", {total}) : cast(total->dtype, call("sqrt", {cast(f64, total)}));
                   }},
                  {"reduce_l2([[3.0, -4.0]], axes=[1]) == [[5.0]]"});

} // namespace tw::ops
