// SPDX-License-Identifier: Apache-2.0
#include "ops/running.h"

namespace tw::ops {

extern const OpDef cumulative_sum = running<Combine::add>(
    "running sums", {"cumulative_sum([1.0, 2.0, 3.0]) == [1.0, 3.0, 6.0]", "cumulative_sum([1, 2, 3], exclusive=true) == [0, 1, 3]",
                     "cumulative_sum([[1, 2], [3, 4]], axis=1, reverse=true) == [[3, 2], [7, 4]]"});

} // namespace tw::ops
