// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/loops.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Gather {
  int64_t axis = 0;
  static constexpr auto fields = std::tuple{field("axis", &Gather::axis)};
};

Shape result_of(const Shape& x, const Shape& indices, size_t axis) {
  std::vector<Ref<Expr>> shape(x.begin(), x.begin() + axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + axis + 1, x.end());
  return Shape(std::move(shape));
}

std::optional<std::vector<Contents>> fold(FoldContext& c) {
  if (c.inputs.size() < 2 || !c.inputs[0] || !c.inputs[1]) return {};
  const Contents &x = *c.inputs[0], &indices = *c.inputs[1];
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<Gather>().axis, static_cast<int64_t>(x.shape.size())));
  auto size = as_int(x.shape[axis]);
  if (!size) return {};
  auto out = make_contents(result_of(x.shape, indices.shape, axis), [&](const std::vector<int64_t>& i) -> Opt<Expr> {
    auto middle = i.begin() + static_cast<std::ptrdiff_t>(axis), after = middle + static_cast<std::ptrdiff_t>(indices.shape.size());
    Opt<Expr> index = element_at(indices, {middle, after});
    auto at = index ? as_int(index) : std::nullopt;
    if (!at) return {};
    std::vector<int64_t> from(i.begin(), middle);
    from.push_back(*at < 0 ? *at + *size : *at);
    from.insert(from.end(), after, i.end());
    return element_at(x, from);
  });
  if (!out) return {};
  return std::vector<Contents>{std::move(*out)};
}
} // namespace

extern const OpDef gather = define<Gather>(
    {.doc = "slices of x along an axis, picked by indices; negative indices count from the end, those outside are limited to the ends",
     .inputs = std::vector<std::string>{"x: any", "indices: int"},
     .type = TypeRule([](TypeContext& c) {
       auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<Gather>().axis, c.rank(0)));
       return Types{tensor_type(result_of(c.shape(0), c.shape(1), axis), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0), indices = c.input(1);
           auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<Gather>().axis, static_cast<int64_t>(x.rank())));
           E size = x.size(axis), filled = may_be_empty(size) ? size > imm(0) : imm(1, boolean);
           c.output(0, [&](Indices i) {
             auto middle = i.begin() + static_cast<std::ptrdiff_t>(axis), after = middle + static_cast<std::ptrdiff_t>(indices.rank());
             Indices from(i.begin(), middle);
             from.push_back(safe_index(indices({middle, after}), size));
             from.insert(from.end(), after, i.end());
             return x.where(filled, from);
           });
         },
     .fold = fold,
     .examples = {"gather([10, 20, 30], [2, 0, -1]) == [30, 10, 30]", "gather([[1, 2], [3, 4]], [[1]], axis=1) == [[[2]], [[4]]]",
                  "gather([[1, 2], [3, 4]], 1) == [3, 4]"}});

} // namespace tw::ops
