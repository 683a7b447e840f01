// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_mean =
    define_reduce("the mean over axes; integers are truncated", "number",
                  {.combine = Combine::add,
                   .after = [](const E& total, [[maybe_unused]] const E& count) -> E {
                     return total->dtype.is_float() ? total / count : safe_trunc_quotient(total, count);
                   }},
                  {"reduce_mean([[1.0, 2.0], [3.0, 5.0]], axes=[1], keepdims=false) == [1.5, 4.0]",
                   "reduce_mean([[1, 2], [3, 5]]) == [[2]]", "reduce_mean(f16([60000.0, 60000.0]), keepdims=false) == f16(60000.0)"});

} // namespace tw::ops
