// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

namespace {
struct Trilu {
  bool upper = true;
  Opt<Expr> diagonal;
  static constexpr auto fields = std::tuple{field("upper", &Trilu::upper), field("diagonal", &Trilu::diagonal)};
};
} // namespace

extern const OpDef trilu = define<Trilu>(
    {.doc = "the upper (or lower) triangle of each matrix, from the given diagonal (0: the main one, positive: above it); zero elsewhere",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       if (c.rank(0) < 2) throw user_error("x must have rank 2 or more, found {}", c.rank(0));
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::elementwise,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<Trilu>();
           Tensor x = c.input(0);
           E k = a.diagonal ? as_ref<Expr>(a.diagonal) : imm(0);
           c.output(0, [&](Indices i) {
             E distance = i[i.size() - 1] - i[i.size() - 2];
             return select(a.upper ? distance >= k : distance <= k, x(i), zero(x.element()));
           });
         },
     .examples = {"trilu([[1, 2], [3, 4]]) == [[1, 2], [0, 4]]", "trilu([[1, 2], [3, 4]], upper=false, diagonal=-1) == [[0, 0], [3, 0]]"}});

} // namespace tw::ops
