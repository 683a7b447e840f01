// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct Shrink {
  double bias = 0.0;
  double threshold = 0.5;
  static constexpr auto fields = std::tuple{field("bias", &Shrink::bias), field("threshold", &Shrink::threshold)};
};
} // namespace

extern const OpDef shrink =
    define_map<Shrink>("x + bias where x < -threshold, x - bias where x > threshold, else 0", "number",
                       [](const Shrink& a, const E& x) -> E {
                         E t = like(x, a.threshold), b = like(x, a.bias);
                         if (x->dtype.is_unsigned()) return select(x > t, x - b, like(x, 0));
                         return select(x < -t, x + b, select(x > t, x - b, like(x, 0)));
                       },
                       {"shrink([-2.0, -1.0, 0.0, 1.0, 2.0], bias=1.5, threshold=1.5) == [-0.5, 0.0, 0.0, 0.0, 0.5]"});

} // namespace tw::ops
