// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct InstanceNorm {
  double epsilon = 1e-5;
  bool channels_last = false;
  static constexpr auto fields = std::tuple{field("epsilon", &InstanceNorm::epsilon), field("channels_last", &InstanceNorm::channels_last)};
};

Types types(TypeContext& c) {
  if (c.rank(0) < 3) throw user_error("x must have rank 3 or more, found {}", c.rank(0));
  size_t channel = c.attrs<InstanceNorm>().channels_last ? static_cast<size_t>(c.rank(0)) - 1 : 1;
  for (size_t k = 1; k < 3; ++k) {
    if (c.rank(k) != 1) throw user_error("scale and bias must be vectors, found rank {}", c.rank(k));
    c.same(c.shape(0)[channel], c.shape(k)[0], "the channels of x and of a parameter");
  }
  return {c.tensor(0)};
}

void compute(Compute& c) {
  auto a = c.attrs<InstanceNorm>();
  if (a.channels_last) return normalise_channels(c, imm(1), a.epsilon);
  Tensor x = c.input(0);
  std::vector<int64_t> places;
  for (size_t d = 2; d < x.rank(); ++d) places.push_back(static_cast<int64_t>(d));
  Reduced axes(x.shape(), places, true);
  Moments m = moments(c, x, axes, a.epsilon);
  c.output(0, [&](Indices i) {
    Indices channel = axes.project(i);
    E value = (widen(x(i)) - m.mean(channel)) * m.inverse(channel);
    return cast(x.element(), value * widen(c.input(1)({i[1]})) + widen(c.input(2)({i[1]})));
  });
}
} // namespace

extern const OpDef instance_norm = define<InstanceNorm>(
    {.doc = "each channel of each sample: (x - mean) / sqrt(variance + epsilon) * scale + bias; scale and bias are vectors over the "
            "channels (dimension 1)",
     .inputs = std::vector<std::string>{"x: float", "scale: float", "bias: float"},
     .type = TypeRule(types),
     .fusion = Fusion::reduction,
     .layout = Layout::channels_last,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 8; },
     .examples = {
         "instance_norm([[[1.0, 3.0], [2.0, 2.0]]], [2.0, 1.0], [0.0, 0.5], epsilon=0.0001) == [[[-1.9999, 1.9999], [0.5, 0.5]]]",
         "instance_norm([[[1.0, 2.0], [3.0, 2.0]]], [2.0, 1.0], [0.0, 0.5], epsilon=0.0001, channels_last=true) == [[[-1.9999, 0.5], "
         "[1.9999, 0.5]]]"}});

} // namespace tw::ops
