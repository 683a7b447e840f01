// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Silu {
  double alpha = 1.0;
  static constexpr auto fields = std::tuple{field("alpha", &Silu::alpha)};
};
} // namespace

extern const OpDef silu =
    define_map<Silu>("x * sigmoid(alpha * x)", "float",
                     [](const Silu& a, const E& x) -> E { return x * call("sigmoid", {a.alpha == 1 ? x : x * like(x, a.alpha)}); },
                     {"silu([1.0, 0.0]) == [0.73105858, 0.0]", "silu([1.0], alpha=2.0) == [0.88079708]"});

} // namespace tw::ops
