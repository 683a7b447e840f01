// SPDX-License-Identifier: Apache-2.0
#include "ops/quantise.h"

namespace tw::ops {

namespace {
struct QuantizeLinear {
  int64_t axis = 1, block = 0;
  DType to = u8;
  static constexpr auto fields =
      std::tuple{field("axis", &QuantizeLinear::axis), field("block", &QuantizeLinear::block), field("to", &QuantizeLinear::to)};
};
} // namespace

extern const OpDef quantize_linear = define<QuantizeLinear>(
    {.doc =
         "round(x / scale) + zero_point, saturated to the type of zero_point (`to` if there is none); scales for the whole, along an axis, "
         "or for blocks of an axis",
     .inputs = std::vector<std::string>{"x: float | i32", "scale: float", "zero_point?: int"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<QuantizeLinear>();
       check_scales(c, a.axis, a.block);
       if (!a.to.is_int()) throw user_error("`to` must be an integer type, found {}", tw::to_string(a.to));
       return Types{tensor_type(c.shape(0), c.has(2) ? c.element(2) : a.to)};
     }),
     .fusion = Fusion::elementwise,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<QuantizeLinear>();
           Tensor x = c.input(0);
           DType type = x.element() == f64 ? f64 : f32;
           c.output(0, [&](Indices i) {
             E value = call("round", {cast(type, x(i)) / cast(type, parameter_at(c.input(1), i, a.axis, a.block))});
             if (c.has(2)) value = value + cast(type, parameter_at(c.input(2), i, a.axis, a.block));
             return cast(c.output(0).element(), value);
           });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 3; },
     .examples = {"quantize_linear([0.0, 2.0, 3.0, 1000.0, -254.0], 2.0, u8(128)) == u8([128, 129, 130, 255, 1])",
                  "quantize_linear([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0], i8([0, 1]), axis=0) == i8([[1, 2], [3, 3]])",
                  "quantize_linear([[1.0, 2.0, 3.0]], [[1.0, 0.5]], block=2, to=i8) == i8([[1, 2, 6]])"}});

} // namespace tw::ops
