// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

namespace {
struct EyeLike {
  DType to = f32;
  int64_t diagonal = 0;
  static constexpr auto fields = std::tuple{field("to", &EyeLike::to), field("diagonal", &EyeLike::diagonal)};
};
} // namespace

extern const OpDef eye_like = define<EyeLike>(
    {.doc = "a matrix of x's shape and the given type: 1 on a diagonal (0: the main one, positive: above it), 0 elsewhere",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       if (c.rank(0) != 2) throw user_error("x must have rank 2, found {}", c.rank(0));
       return Types{tensor_type(c.shape(0), c.attrs<EyeLike>().to)};
     }),
     .fusion = Fusion::elementwise,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<EyeLike>();
           c.output(0, [&](Indices i) { return select(eq(i[1] - i[0], imm(a.diagonal)), literal(1, a.to), zero(a.to)); });
         },
     .examples = {"eye_like([[5, 5], [5, 5]]) == [[1.0, 0.0], [0.0, 1.0]]", "eye_like([[5, 5]], to=i32, diagonal=1) == i32([[0, 1]])"}});

} // namespace tw::ops
