// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
struct BatchNorm {
  double epsilon = 1e-5;
  int64_t axis = 1;
  static constexpr auto fields = std::tuple{field("epsilon", &BatchNorm::epsilon), field("axis", &BatchNorm::axis)};
};
} // namespace

extern const OpDef batch_norm = define<BatchNorm>(
    {.doc = "(x - mean) / sqrt(variance + epsilon) * scale + bias, each of them a vector along axis: the normalisation of a trained model",
     .inputs = std::vector<std::string>{"x: float", "scale: float", "bias: float", "mean: float", "variance: float"},
     .type = TypeRule([](TypeContext& c) {
       auto axis = static_cast<size_t>(TypeContext::normalise_axis(c.attrs<BatchNorm>().axis, c.rank(0)));
       for (size_t k = 1; k < 5; ++k) {
         if (c.rank(k) != 1) throw user_error("input {} must be a vector, found rank {}", k, c.rank(k));
         c.same(c.shape(0)[axis], c.shape(k)[0], "the channels of x and of a parameter");
       }
       return Types{c.tensor(0)};
     }),
     .fusion = Fusion::elementwise,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<BatchNorm>();
           Tensor x = c.input(0);
           auto axis = static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x.rank())));
           c.output(0, [&](Indices i) {
             E value = widen(x(i));
             auto parameter = [&](size_t k) { return cast(value->dtype, c.input(k)({i[axis]})); };
             E factor = parameter(1) / call("sqrt", {parameter(4) + like(value, a.epsilon)});
             return cast(x.element(), (value - parameter(3)) * factor + parameter(2));
           });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 2; },
     .examples = {"batch_norm([[[1.0], [3.0]]], [1.0, 2.0], [0.0, 0.5], [1.0, 2.0], [1.0, 4.0], epsilon=0.0) == [[[0.0], [1.5]]]",
                  "batch_norm([[1.0, 3.0]], [1.0, 2.0], [0.0, 0.5], [1.0, 2.0], [1.0, 4.0], epsilon=0.0, axis=-1) == [[0.0, 1.5]]"}});

} // namespace tw::ops
