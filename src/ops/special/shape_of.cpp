// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

namespace {
struct ShapeOf {
  int64_t begin = 0;
  int64_t end = std::numeric_limits<int64_t>::max();
  static constexpr auto fields = std::tuple{field("begin", &ShapeOf::begin), field("end", &ShapeOf::end)};
};
Shape part_of(const ShapeOf& a, const Shape& shape) {
  auto rank = static_cast<int64_t>(shape.size());
  auto limited = [&](int64_t p) { return std::clamp<int64_t>(p < 0 ? p + rank : p, 0, rank); };
  int64_t begin = limited(a.begin), end = std::max(begin, limited(a.end));
  return Shape(shape.begin() + begin, shape.begin() + end);
}
} // namespace

extern const OpDef shape_of =
    define<ShapeOf>({.doc = "the sizes of x as an integer vector, from begin to end (negative: from the back)",
                     .inputs = std::vector<std::string>{"x: any"},
                     .type = TypeRule([](TypeContext& c) {
                       auto size = static_cast<int64_t>(part_of(c.attrs<ShapeOf>(), c.shape(0)).size());
                       return Types{tensor_type({imm(size)}, i64)};
                     }),
                     .fusion = Fusion::opaque,
                     .compute =
                         [](Compute& c) {
                           Shape sizes = part_of(c.attrs<ShapeOf>(), c.input(0).shape());
                           c.output(0, [&](Indices i) {
                             E out = imm(0);
                             for (size_t d = sizes.size(); d-- > 0;) out = select(eq(i[0], imm(static_cast<int64_t>(d))), sizes[d], out);
                             return out;
                           });
                         },
                     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
                       Shape sizes = part_of(c.attrs<ShapeOf>(), tensor_of(c.call.args[0])->shape);
                       return std::vector<Contents>{{tw::shape_of({static_cast<int64_t>(sizes.size())}), sizes.vector()}};
                     },
                     .examples = {"shape_of([[1, 2, 3], [4, 5, 6]]) == [2, 3]", "shape_of(zeros(f32, [2, 0, 4]), begin=-2) == [0, 4]",
                                  "shape_of(5) == zeros(i64, [0])"}});

} // namespace tw::ops
