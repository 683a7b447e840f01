// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
void compute(Compute& c) {
  Tensor x = c.input(0);
  auto range = [&](const char* id, Combine combine) {
    return c.reduce(id, {}, f32, combine, x.shape(), [&](Indices, Indices r) { return x(r); });
  };
  Tensor low = range("low", Combine::min), high = range("high", Combine::max);
  // The range holds 0, so that 0 is exact.
  auto lowest_value = [&] { return min(low({}), zero(f32)); };
  auto highest_value = [&] { return max(high({}), zero(f32)); };
  c.output(1, [&](Indices) {
    E range = highest_value() - lowest_value();
    return select(range > zero(f32), range / literal(255, f32), literal(1, f32));
  });
  c.output(2, [&](Indices) { return cast(u8, call("round", {-lowest_value() / c.output(1)({})})); });
  c.output(0, [&](Indices i) { return cast(u8, call("round", {x(i) / c.output(1)({})}) + cast(f32, c.output(2)({}))); });
}
} // namespace

extern const OpDef dynamic_quantize_linear =
    define({.doc = "x as u8 with a scale and zero point from its own range, which are the other results",
            .inputs = std::vector<std::string>{"x: f32"},
            .type = TypeRule([](TypeContext& c) {
              return Types{tensor_type(c.shape(0), u8), tensor_type({}, f32), tensor_type({}, u8)};
            }),
            .fusion = Fusion::opaque,
            .compute = compute,
            .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 5; },
            .examples = {"dynamic_quantize_linear([0.0, 2.0, -3.0]) == (u8([153, 255, 0]), 0.01960784, u8(153))"},
            .outputs = 3});

} // namespace tw::ops
