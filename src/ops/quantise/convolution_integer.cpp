// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

namespace tw::ops {

namespace {
struct ConvolutionInteger {
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads;
  int64_t groups = 1;
  bool channels_last = false;
  static constexpr auto fields =
      std::tuple{field("strides", &ConvolutionInteger::strides), field("dilations", &ConvolutionInteger::dilations),
                 field("pads", &ConvolutionInteger::pads), field("groups", &ConvolutionInteger::groups),
                 field("channels_last", &ConvolutionInteger::channels_last)};
};

Ref<Operand> centred(DecomposeContext& c, size_t x, size_t zero_point, bool weights) {
  auto to_i32 = [&](const Ref<Operand>& v) { return c.graph.call("cast", {v}, {make(Attr{.name = "to", .value = i32})}); };
  Ref<Value> value = to_i32(c.arg(x));
  if (!c.has(zero_point)) return value;
  Ref<Value> zero = to_i32(c.arg(zero_point));
  Shape shape = tensor_of(zero)->shape;
  // A zero point for each output channel stands along the weights' first dimension (channels-last: the last).
  if (weights && shape.size() == 1 && !is_int(shape[0], 1) && !c.attrs<ConvolutionInteger>().channels_last) {
    std::vector<Ref<Expr>> wide(tensor_of(value)->shape.size(), imm(1));
    wide[0] = shape[0];
    zero = c.graph.call("reshape", {zero}, {make(Attr{.name = "shape", .value = Shape(wide)})});
  }
  return c.graph.call("sub", {value, zero});
}

Types types(TypeContext& c) {
  for (size_t k = 2; k < 4; ++k)
    if (c.has(k) && c.element(k) != c.element(k - 2))
      throw user_error("a zero point must have elements of {}, found {}", tw::to_string(c.element(k - 2)), tw::to_string(c.element(k)));
  auto as_i32 = [&](size_t k) { return make(Value{.id = "x", .type = tensor_type(c.shape(k), i32)}); };
  return infer_types(*make(OpCall{.op = "convolution", .args = {as_i32(0), as_i32(1)}, .attrs = to_attrs(c.attrs<ConvolutionInteger>())}));
}
} // namespace

extern const OpDef convolution_integer = define<ConvolutionInteger>(
    {.doc = "the convolution of (x - x_zero_point) and (weights - weights_zero_point) in i32; padding is x_zero_point",
     .inputs = std::vector<std::string>{"x: i8 | u8", "weights: i8 | u8", "x_zero_point?: i8 | u8", "weights_zero_point?: i8 | u8"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .layout = Layout::channels_last,
     .decompose =
         [](DecomposeContext& c) {
           auto attrs = to_attrs(c.attrs<ConvolutionInteger>());
           return std::vector<Ref<Operand>>{c.graph.call("convolution", {centred(c, 0, 2, false), centred(c, 1, 3, true)}, attrs)};
         },
     .examples = {
         "convolution_integer(u8([[[2, 3, 4]]]), u8([[[1, 1]]]), u8(1)) == i32([[[3, 5]]])",
         "convolution_integer(u8([[[2, 3]]]), i8([[[1, 1]], [[2, 2]]]), u8(1), i8([0, 1]), pads=[1, 0]) == i32([[[1, 3], [1, 3]]])"}});

} // namespace tw::ops
