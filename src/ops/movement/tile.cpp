// SPDX-License-Identifier: Apache-2.0
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Tile {
  List<Ref<Expr>> repeats;
  static constexpr auto fields = std::tuple{field("repeats", &Tile::repeats)};
};
} // namespace

extern const OpDef tile = define<Tile>(
    {.doc = "x repeated in each dimension",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<Tile>();
       Shape x = c.shape(0);
       if (a.repeats.size() != x.size()) throw user_error("repeats must have {} entries, found {}", x.size(), a.repeats.size());
       std::vector<Ref<Expr>> shape;
       for (size_t d = 0; d < x.size(); ++d) {
         c.assume(a.repeats[d] >= imm(0), fmt::format("repeats must not be negative, found {}", to_string(a.repeats[d])));
         shape.push_back(simplified(x[d] * a.repeats[d]));
       }
       return Types{tensor_type(Shape(std::move(shape)), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto a = c.attrs<Tile>();
           c.output(0, [&](Indices i) {
             for (size_t d = 0; d < i.size(); ++d)
               if (!is_one(a.repeats[d])) i[d] = floormod(i[d], x.size(d));
             return x(i);
           });
         },
     .examples = {"tile([[1, 2]], repeats=[2, 2]) == [[1, 2, 1, 2], [1, 2, 1, 2]]", "tile([1, 2], repeats=[0]) == zeros(i64, [0])"}});

} // namespace tw::ops
