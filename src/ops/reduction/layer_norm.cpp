// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct LayerNorm {
  int64_t axis = -1;
  double epsilon = 1e-5;
  bool statistics = false;
  static constexpr auto fields =
      std::tuple{field("axis", &LayerNorm::axis), field("epsilon", &LayerNorm::epsilon), field("statistics", &LayerNorm::statistics)};
};
std::vector<int64_t> axes_from(int64_t axis, int64_t rank) {
  std::vector<int64_t> out;
  for (int64_t d = TypeContext::normalise_axis(axis, rank); d < rank; ++d) out.push_back(d);
  return out;
}

void compute(Compute& c) {
  auto a = c.attrs<LayerNorm>();
  Tensor x = c.input(0);
  Reduced axes(x.shape(), axes_from(a.axis, static_cast<int64_t>(x.rank())), true);
  Moments m = moments(c, x, axes, a.epsilon);
  c.output(0, [&](Indices i) {
    Indices row = axes.project(i);
    E value = (widen(x(i)) - m.mean(row)) * m.inverse(row);
    if (c.has(1)) value = value * widen(c.input(1).broadcast(i));
    if (c.has(2)) value = value + widen(c.input(2).broadcast(i));
    return cast(x.element(), value);
  });
  if (!a.statistics) return;
  c.output(1, [&](Indices i) { return cast(c.output(1).element(), m.mean(i)); });
  c.output(2, [&](Indices i) { return cast(c.output(2).element(), m.inverse(i)); });
}

Types types(TypeContext& c) {
  auto a = c.attrs<LayerNorm>();
  Reduced axes(c.shape(0), axes_from(a.axis, c.rank(0)), true);
  for (size_t k = 1; k < 3; ++k) {
    if (!c.has(k)) continue;
    if (c.rank(k) > c.rank(0)) throw user_error("scale and bias must broadcast to x of rank {}, found rank {}", c.rank(0), c.rank(k));
    c.broadcast({c.shape(0), c.shape(k)});
  }
  Types out{c.tensor(0)};
  DType statistics = computation_type(c.element(0));
  if (a.statistics) out.insert(out.end(), {tensor_type(axes.kept(), statistics), tensor_type(axes.kept(), statistics)});
  return out;
}
} // namespace

extern const OpDef layer_norm = define<LayerNorm>(
    {.doc =
         "(x - mean) / sqrt(variance + epsilon) * scale + bias over the dimensions from axis on; statistics: also mean and 1 / deviation",
     .inputs = std::vector<std::string>{"x: float", "scale?: float", "bias?: float"},
     .type = TypeRule(types),
     .fusion = Fusion::reduction,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 8; },
     .examples = {"layer_norm([[1.0, 3.0], [2.0, 2.0]], [1.0, 2.0], [0.0, 0.5], epsilon=0.0001) == [[-0.99995, 2.4999], [0.0, 0.5]]",
                  "layer_norm([[1.0, 3.0]], epsilon=0.0, statistics=true) == ([[-1.0, 1.0]], [[2.0]], [[1.0]])"},
     .outputs = -1});

} // namespace tw::ops
