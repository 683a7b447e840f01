// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Celu {
  double alpha = 1.0;
  static constexpr auto fields = std::tuple{field("alpha", &Celu::alpha)};
};
} // namespace

extern const OpDef celu =
    define_map<Celu>("max(0, x) + min(0, alpha * (exp(x / alpha) - 1))", "float",
                     [](const Celu& a, const E& x) -> E {
                       return max(like(x, 0), x) + min(like(x, 0), like(x, a.alpha) * (call("exp", {x / like(x, a.alpha)}) - like(x, 1)));
                     },
                     {"celu([-1.0, 2.0], alpha=2.0) == [-0.78693868, 2.0]"});

} // namespace tw::ops
