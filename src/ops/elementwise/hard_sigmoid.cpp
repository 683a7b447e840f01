// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct HardSigmoid {
  double alpha = 0.2;
  double beta = 0.5;
  static constexpr auto fields = std::tuple{field("alpha", &HardSigmoid::alpha), field("beta", &HardSigmoid::beta)};
};
} // namespace

extern const OpDef hard_sigmoid = define_map<HardSigmoid>(
    "clip(alpha * x + beta, 0, 1)", "float",
    [](const HardSigmoid& a, const E& x) -> E { return max(like(x, 0), min(like(x, 1), x * like(x, a.alpha) + like(x, a.beta))); },
    {"hard_sigmoid([-3.0, 0.0, 1.0]) == [0.0, 0.5, 0.7]"});

} // namespace tw::ops
