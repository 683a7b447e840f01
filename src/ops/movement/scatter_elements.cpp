// SPDX-License-Identifier: Apache-2.0
#include "ops/scatter.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct ScatterElements {
  int64_t axis = 0;
  Name reduction = "none";
  static constexpr auto fields = std::tuple{field("axis", &ScatterElements::axis), field("reduction", &ScatterElements::reduction)};
};

Types types(TypeContext& c) {
  auto a = c.attrs<ScatterElements>();
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, c.rank(0)));
  check_reduction(a.reduction, c.element(0));
  if (c.rank(1) != c.rank(0) || c.rank(2) != c.rank(0))
    throw user_error("indices and updates must have the rank {} of x, found {} and {}", c.rank(0), c.rank(1), c.rank(2));
  if (c.element(2) != c.element(0))
    throw user_error("updates must have elements of {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(2)));
  for (size_t d = 0; d < c.shape(0).size(); ++d) {
    c.same(c.shape(1)[d], c.shape(2)[d], "sizes of indices and updates");
    if (d != axis) c.assume(c.shape(1)[d] <= c.shape(0)[d], fmt::format("indices must not be larger than x in dimension {}", d));
  }
  return {c.tensor(0)};
}

void compute(Compute& c) {
  auto a = c.attrs<ScatterElements>();
  Tensor x = c.input(0), indices = c.input(1), updates = c.input(2), out = c.output(0);
  auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
  c.output(0, [&](Indices i) { return x(i); });
  c.raw(loops(indices.shape(), [&](const Indices& i) {
    return let("index", wrapped_index(indices(i), x.size(axis)), [&](const E& index) {
      Indices to = i;
      to[axis] = index;
      return when(inside(index, x.size(axis)), put(out, to, combined(a.reduction, out(to), updates(i))));
    });
  }));
}
} // namespace

extern const OpDef scatter_elements = define<ScatterElements>(
    {.doc =
         "x, where the element at i, but along an axis at indices[i], is replaced by updates[i] or combined with it (reduction: add, mul, "
         "max, min); updates in row-major order, those outside are dropped",
     .inputs = std::vector<std::string>{"x: any", "indices: int", "updates: any"},
     .type = TypeRule(types),
     .fusion = Fusion::opaque,
     .compute = compute,
     .examples = {"scatter_elements([1, 2, 3], [2, 0], [9, 8]) == [8, 2, 9]",
                  "scatter_elements([1, 2, 3], [1, -2], [10, 20], reduction=\"add\") == [1, 32, 3]",
                  "scatter_elements([[1, 2]], [[1]], [[5]], axis=1) == [[1, 5]]"}});

} // namespace tw::ops
