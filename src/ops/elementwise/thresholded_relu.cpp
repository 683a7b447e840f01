// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct ThresholdedRelu {
  double alpha = 1.0;
  static constexpr auto fields = std::tuple{field("alpha", &ThresholdedRelu::alpha)};
};
} // namespace

extern const OpDef thresholded_relu =
    define_map<ThresholdedRelu>("x where x > alpha, else 0", "float",
                                [](const ThresholdedRelu& a, const E& x) -> E { return select(x > like(x, a.alpha), x, like(x, 0)); },
                                {"thresholded_relu([1.0, 2.0, 3.0], alpha=2.0) == [0.0, 0.0, 3.0]"});

} // namespace tw::ops
