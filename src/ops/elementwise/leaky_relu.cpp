// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct LeakyRelu {
  double alpha = 0.01;
  static constexpr auto fields = std::tuple{field("alpha", &LeakyRelu::alpha)};
};
} // namespace

extern const OpDef leaky_relu =
    define_map<LeakyRelu>("x where x >= 0, else alpha * x", "float",
                          [](const LeakyRelu& a, const E& x) -> E { return select(x >= like(x, 0), x, x * like(x, a.alpha)); },
                          {"leaky_relu([-1.0, 2.0], alpha=0.5) == [-0.5, 2.0]"});

} // namespace tw::ops
