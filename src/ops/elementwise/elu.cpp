// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Elu {
  double alpha = 1.0;
  static constexpr auto fields = std::tuple{field("alpha", &Elu::alpha)};
};
} // namespace

extern const OpDef elu = define_map<Elu>(
    "x where x > 0, else alpha * (exp(x) - 1)", "float",
    [](const Elu& a, const E& x) -> E { return select(x > like(x, 0), x, like(x, a.alpha) * (call("exp", {x}) - like(x, 1))); },
    {"elu([-1.0, 2.0], alpha=2.0) == [-1.26424112, 2.0]"});

} // namespace tw::ops
