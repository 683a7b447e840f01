// SPDX-License-Identifier: Apache-2.0
#include "ops/quantise.h"

namespace tw::ops {

namespace {
struct DequantizeLinear {
  int64_t axis = 1, block = 0;
  static constexpr auto fields = std::tuple{field("axis", &DequantizeLinear::axis), field("block", &DequantizeLinear::block)};
};
} // namespace

extern const OpDef dequantize_linear = define<DequantizeLinear>(
    {.doc = "(x - zero_point) * scale, in the type of scale; scales for the whole, along an axis, or for blocks of an axis",
     .inputs = std::vector<std::string>{"x: int", "scale: float", "zero_point?: int"},
     .type = TypeRule([](TypeContext& c) {
       auto a = c.attrs<DequantizeLinear>();
       check_scales(c, a.axis, a.block);
       if (c.has(2) && c.element(2) != c.element(0))
         throw user_error("zero_point must have elements of {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(2)));
       return Types{tensor_type(c.shape(0), c.element(1))};
     }),
     .fusion = Fusion::elementwise,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<DequantizeLinear>();
           Tensor x = c.input(0);
           DType scale_type = c.input(1).element(), type = computation_type(scale_type);
           DType difference = x.element().bits < 32 ? i32 : x.element();
           c.output(0, [&](Indices i) {
             E value = cast(difference, x(i));
             if (c.has(2)) value = value - cast(difference, parameter_at(c.input(2), i, a.axis, a.block));
             return cast(scale_type, cast(type, value) * cast(type, parameter_at(c.input(1), i, a.axis, a.block)));
           });
         },
     .flops = [](TypeContext& c) { return element_count(c.shape(0)) * 2; },
     .examples = {"dequantize_linear(u8([0, 3, 128, 255]), 2.0, u8(128)) == [-256.0, -250.0, 0.0, 254.0]",
                  "dequantize_linear(i8([[1, 2], [3, 4]]), [1.0, 10.0]) == [[1.0, 20.0], [3.0, 40.0]]"}});

} // namespace tw::ops
