// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct IsInf {
  bool negative = true;
  bool positive = true;
  static constexpr auto fields = std::tuple{field("negative", &IsInf::negative), field("positive", &IsInf::positive)};
};
} // namespace

extern const OpDef isinf = define_map<IsInf>(
    "is it an infinity of a sign that counts", "float",
    [](const IsInf& a, const E& x) -> E {
      E none = zero(x->dtype), yes = call("isinf", {x});
      if (a.negative && a.positive) return yes;
      return a.negative ? yes && x < none : a.positive ? yes && x > none : imm(0, boolean);
    },
    {"isinf([1.0, inf, -inf, nan]) == [false, true, true, false]", "isinf([inf, -inf], negative=false) == [true, false]"}, true);

} // namespace tw::ops
