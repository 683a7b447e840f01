// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Split {
  int64_t axis = 0;
  List<Ref<Expr>> sizes;
  static constexpr auto fields = std::tuple{field("axis", &Split::axis), field("sizes", &Split::sizes)};
};

Types types(TypeContext& c) {
  auto a = c.attrs<Split>();
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, c.rank(0)));
  if (a.sizes.empty()) throw user_error("sizes must name at least one part");
  E total = imm(0);
  Types out;
  for (const auto& size : a.sizes) {
    if (auto s = as_int(size); s && *s < 0) throw user_error("sizes must not be negative, found {}", *s);
    std::vector<Ref<Expr>> shape = c.shape(0).vector();
    shape[axis] = size;
    total = total + size;
    out.push_back(tensor_type(Shape(std::move(shape)), c.element(0)));
  }
  c.same(c.shape(0)[axis], simplified(total), "the size of the axis and the sum of the parts");
  return out;
}
} // namespace

extern const OpDef split =
    define<Split>({.doc = "x cut along an axis into parts of the given sizes, in order",
                   .inputs = std::vector<std::string>{"x: any"},
                   .type = TypeRule(types),
                   .fusion = Fusion::injective,
                   .layout = Layout::axis,
                   .compute =
                       [](Compute& c) {
                         auto a = c.attrs<Split>();
                         Tensor x = c.input(0);
                         auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
                         E begin = imm(0);
                         for (size_t k = 0; k < a.sizes.size(); ++k) {
                           c.output(k, [&](Indices i) {
                             i[axis] = i[axis] + begin;
                             return x(i);
                           });
                           begin = simplified(begin + a.sizes[k]);
                         }
                       },
                   .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
                     auto sizes = static_shape(c.attrs<Split>().sizes);
                     if (c.inputs.empty() || !c.inputs[0] || c.inputs[0]->shape.size() != 1 || !sizes) return {};
                     std::vector<Contents> out;
                     auto at = c.inputs[0]->elements.begin();
                     for (int64_t size : *sizes) {
                       if (size > c.inputs[0]->elements.end() - at) return {};
                       out.push_back({shape_of({size}), std::vector<Ref<Expr>>(at, at + size)});
                       at += size;
                     }
                     return out;
                   },
                   .examples = {"split([1, 2, 3], sizes=[1, 2]) == ([1], [2, 3])",
                                "split([[1, 2], [3, 4]], axis=1, sizes=[1, 1]) == ([[1], [3]], [[2], [4]])"},
                   .outputs = -1});

} // namespace tw::ops
