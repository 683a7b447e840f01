// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"

namespace tw::ops {

namespace {
struct Transpose {
  List<int64_t> axes;
  static constexpr auto fields = std::tuple{field("axes", &Transpose::axes)};
};
// Dimension d of the result is dimension order[d] of x.
std::vector<size_t> order_of(const Transpose& a, size_t rank) {
  std::vector<size_t> order;
  if (a.axes.empty())
    for (size_t d = rank; d-- > 0;) order.push_back(d);
  if (!a.axes.empty() && a.axes.size() != rank) throw user_error("axes must name all {} dimensions, found {}", rank, a.axes.size());
  std::vector<bool> seen(rank, false);
  for (int64_t axis : a.axes) {
    auto d = static_cast<size_t>(TypeContext::normalise_axis(axis, static_cast<int64_t>(rank), "axes"));
    if (seen[d]) throw user_error("axes must be a permutation, found {} twice", d);
    seen[d] = true;
    order.push_back(d);
  }
  return order;
}
} // namespace

extern const OpDef transpose = define<Transpose>(
    {.doc = "x with its dimensions in another order (reversed if no axes are given): dimension d of the result is dimension axes[d] of x",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       std::vector<Ref<Expr>> shape;
       for (size_t d : order_of(c.attrs<Transpose>(), c.shape(0).size())) shape.push_back(c.shape(0)[d]);
       return Types{tensor_type(Shape(std::move(shape)), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto order = order_of(c.attrs<Transpose>(), x.rank());
           c.output(0, [&](Indices i) {
             Indices from = i;
             for (size_t d = 0; d < order.size(); ++d) from[order[d]] = i[d];
             return x(from);
           });
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0] || c.inputs[0]->shape.size() > 1) return {};
       return std::vector<Contents>{*c.inputs[0]};
     },
     .examples = {"transpose([[1, 2, 3], [4, 5, 6]]) == [[1, 4], [2, 5], [3, 6]]",
                  "transpose([[[1, 2], [3, 4]]], axes=[1, 0, 2]) == [[[1, 2]], [[3, 4]]]"}});

} // namespace tw::ops
