// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

namespace tw::ops {

namespace {
struct MeanVarianceNorm {
  List<int64_t> axes = {0, 2, 3};
  double epsilon = 1e-9;
  static constexpr auto fields = std::tuple{field("axes", &MeanVarianceNorm::axes), field("epsilon", &MeanVarianceNorm::epsilon)};
};
} // namespace

extern const OpDef mean_variance_norm =
    define<MeanVarianceNorm>({.doc = "(x - mean) / (deviation + epsilon) over axes",
                              .inputs = std::vector<std::string>{"x: float"},
                              .type = TypeRule([](TypeContext& c) {
                                normalise_axes(c.attrs<MeanVarianceNorm>().axes, c.rank(0));
                                return Types{c.tensor(0)};
                              }),
                              .fusion = Fusion::reduction,
                              .layout = Layout::axis,
                              .compute =
                                  [](Compute& c) {
                                    auto a = c.attrs<MeanVarianceNorm>();
                                    Tensor x = c.input(0);
                                    Reduced axes(x.shape(), normalise_axes(a.axes, static_cast<int64_t>(x.rank())), true);
                                    Moments m = moments(c, x, axes, 0);
                                    c.output(0, [&](Indices i) {
                                      Indices row = axes.project(i);
                                      E deviation = like(m.inverse(row), 1) / m.inverse(row);
                                      return cast(x.element(), (widen(x(i)) - m.mean(row)) / (deviation + like(deviation, a.epsilon)));
                                    });
                                  },
                              .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 8; },
                              .examples = {"mean_variance_norm([[1.0, 3.0]], axes=[1]) == [[-1.0, 1.0]]"}});

} // namespace tw::ops
