// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct RmsNorm {
  int64_t axis = -1;
  double epsilon = 1e-5;
  static constexpr auto fields = std::tuple{field("axis", &RmsNorm::axis), field("epsilon", &RmsNorm::epsilon)};
};
std::vector<int64_t> axes_from(int64_t axis, int64_t rank) {
  std::vector<int64_t> out;
  for (int64_t d = TypeContext::normalise_axis(axis, rank); d < rank; ++d) out.push_back(d);
  return out;
}

void compute(Compute& c) {
  auto a = c.attrs<RmsNorm>();
  Tensor x = c.input(0);
  Reduced axes(x.shape(), axes_from(a.axis, static_cast<int64_t>(x.rank())), true);
  DType type = computation_type(x.element());
  Tensor square = c.reduce("square", axes.kept(), type, Combine::add, axes.extents(), [&](Indices i, Indices r) {
    E value = widen(x(axes.join(i, r)));
    return value * value;
  });
  Tensor inverse = c.tensor("inverse", axes.kept(), type, [&](Indices i) {
    return like(square(i), 1) / call("sqrt", {square(i) / cast(type, axes.count()) + like(square(i), a.epsilon)});
  });
  c.output(0, [&](Indices i) {
    E value = widen(x(i)) * inverse(axes.project(i));
    if (c.has(1)) value = value * widen(c.input(1).broadcast(i));
    return cast(x.element(), value);
  });
}
} // namespace

extern const OpDef rms_norm =
    define<RmsNorm>({.doc = "x / sqrt(mean(x * x) + epsilon) * scale over the dimensions from axis on",
                     .inputs = std::vector<std::string>{"x: float", "scale?: float"},
                     .type = TypeRule([](TypeContext& c) {
                       TypeContext::normalise_axis(c.attrs<RmsNorm>().axis, c.rank(0));
                       if (c.has(1)) c.broadcast({c.shape(0), c.shape(1)});
                       return Types{c.tensor(0)};
                     }),
                     .fusion = Fusion::reduction,
                     .compute = compute,
                     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 5; },
                     .examples = {"rms_norm([[3.0, 4.0]], [1.0, 2.0], epsilon=0.0) == [[0.84852814, 2.26274170]]"}});

} // namespace tw::ops
