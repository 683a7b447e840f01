// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

extern const OpDef reduce_log_sum = define_reduce(
    "the logarithm of the sum over axes", "float",
    {.combine = Combine::add, .after = [](const E& total, [[maybe_unused]] const E& count) -> E { return call("log", {total}); }},
    {"reduce_log_sum([[1.0, 1.71828183]], axes=[1]) == [[1.0]]"});

} // namespace tw::ops
