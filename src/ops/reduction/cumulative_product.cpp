// SPDX-License-Identifier: Apache-2.0
#include "ops/running.h"

namespace tw::ops {

extern const OpDef cumulative_product =
    running<Combine::mul>("running products", {"cumulative_product([1.0, 2.0, 3.0]) == [1.0, 2.0, 6.0]",
                                               "cumulative_product([2, 3, 4], exclusive=true) == [1, 2, 6]",
                                               "cumulative_product([[1, 2], [3, 4]], axis=1, reverse=true) == [[2, 2], [12, 4]]"});

} // namespace tw::ops
