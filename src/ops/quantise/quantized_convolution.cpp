// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution.h"

namespace tw::ops {

namespace {
Ref<Operand> requantised(DecomposeContext& c, const Ref<Operand>& sum, int64_t axis) {
  // The scale of the sums is the product of both scales; a vector of them belongs to the output channels.
  Ref<Operand> scale = c.graph.call("mul", {c.arg(1), c.arg(4)});
  if (tensor_of(scale)->shape.size() > 1) throw unsupported("scales must be scalars or vectors");
  Ref<Operand> real = c.graph.call("dequantize_linear", {sum, scale}, {make(Attr{.name = "axis", .value = axis})});
  return c.graph.call("quantize_linear", {real, c.arg(6), c.arg(7)});
}
void check_types(TypeContext& c) {
  for (size_t k : {size_t{2}, size_t{5}})
    if (c.element(k) != c.element(k - 2))
      throw user_error("a zero point must have elements of {}, found {}", tw::to_string(c.element(k - 2)), tw::to_string(c.element(k)));
  for (size_t k : {size_t{6}, size_t{7}})
    if (c.rank(k) > 1) throw user_error("the result's scale and zero point must be scalars, found rank {}", c.rank(k));
}

Types types(TypeContext& c) {
  check_types(c);
  auto as_i32 = [&](size_t k) { return make(Value{.id = "x", .type = tensor_type(c.shape(k), i32)}); };
  std::vector<Opt<Operand>> args{as_i32(0), as_i32(3)};
  if (c.has(8)) args.push_back(as_i32(8));
  Types types = infer_types(*make(OpCall{.op = "convolution", .args = args, .attrs = to_attrs(c.attrs<ConvolutionAttributes>())}));
  return {tensor_type(types[0]->shape, c.element(7))};
}

std::vector<Ref<Operand>> decompose(DecomposeContext& c) {
  auto a = c.attrs<ConvolutionAttributes>();
  Ref<Operand> sum = c.graph.call("convolution_integer", {c.arg(0), c.arg(3), c.arg(2), c.arg(5)}, to_attrs(a));
  auto rank = static_cast<int64_t>(tensor_of(sum)->shape.size());
  if (c.has(8)) {
    Ref<Operand> bias = c.arg(8);
    std::vector<Ref<Expr>> shape(static_cast<size_t>(rank), imm(1));
    shape[a.channels_last ? shape.size() - 1 : 1] = tensor_of(bias)->shape[0];
    bias = c.graph.call("reshape", {bias}, {make(Attr{.name = "shape", .value = Shape(shape)})});
    sum = c.graph.call("add", {sum, bias});
  }
  return {requantised(c, sum, a.channels_last ? rank - 1 : 1)};
}
} // namespace

extern const OpDef quantized_convolution = define<ConvolutionAttributes>(
    {.doc = "the convolution of quantised data with quantised weights, quantised again: sums in i32 with the bias, then scaled",
     .inputs = std::vector<std::string>{"x: i8 | u8", "x_scale: float", "x_zero_point: i8 | u8", "weights: i8 | u8", "weights_scale: float",
                                        "weights_zero_point: i8 | u8", "scale: float", "zero_point: i8 | u8", "bias?: i32"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .layout = Layout::channels_last,
     .decompose = decompose,
     .examples = {
         "quantized_convolution(u8([[[3, 5, 1]]]), 0.5, u8(1), i8([[[2, 4]]]), 0.25, i8(0), 0.5, u8(10), i32([4])) == u8([[[16, 13]]])"}});

} // namespace tw::ops
