// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Silu {
  double alpha = 1.0;
  static constexpr auto fields = std::tuple{field("alpha", &Silu::alpha)};
};
} // namespace

extern const OpDef silu = define_map<Silu>(
    "x * sigmoid(alpha * x)", "float",
    [](const Silu& a, const E& x) -> E {
      if (a.alpha == 1) return call("silu", {x});
      if (a.alpha == 0) return x * like(x, 0.5);
      return call("silu", {x * like(x, a.alpha)}) * like(x, 1 / a.alpha);
    },
    {"silu([1.0, 0.0]) == [0.73105858, 0.0]", "silu([1.0], alpha=2.0) == [0.88079708]", "silu([3.0], alpha=0.0) == [1.5]"});

} // namespace tw::ops
