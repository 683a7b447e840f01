// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Selu {
  double alpha = 1.67326319217681884765625;
  double gamma = 1.05070102214813232421875;
  static constexpr auto fields = std::tuple{field("alpha", &Selu::alpha), field("gamma", &Selu::gamma)};
};
} // namespace

extern const OpDef selu =
    define_map<Selu>("gamma * (x where x > 0, else alpha * (exp(x) - 1))", "float",
                     [](const Selu& a, const E& x) -> E {
                       return like(x, a.gamma) * select(x > like(x, 0), x, like(x, a.alpha) * (call("exp", {x}) - like(x, 1)));
                     },
                     {"selu([-1.0, 2.0], alpha=2.0, gamma=3.0) == [-3.79272335, 6.0]"});

} // namespace tw::ops
