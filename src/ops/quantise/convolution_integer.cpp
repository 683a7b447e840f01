// SPDX-License-Identifier: Apache-2.0
#include "ops/convolution.h"

namespace tw::ops {

namespace {
// Channels in pairs: not where a pair would belong to two groups.
bool in_pairs(DecomposeContext& c) {
  auto a = c.attrs<ConvolutionAttributes>();
  Shape weights = tensor_of(c.arg(1))->shape;
  auto channels = as_int(weights[a.channels_last ? weights.size() - 2 : 1]);
  return a.groups == 1 || (channels && *channels % 2 == 0);
}

// x - zero_point in a type that holds all of them.
Ref<Operand> centred(DecomposeContext& c, size_t x, size_t zero_point, bool weights) {
  const bool channels_last = c.attrs<ConvolutionAttributes>().channels_last, pairs = in_pairs(c);
  auto widened = [&](const Ref<Operand>& v) { return c.graph.call("cast", {v}, {make(Attr{.name = "to", .value = pairs ? i16 : i32})}); };
  Ref<Value> value = widened(c.arg(x));
  auto rank = static_cast<int64_t>(tensor_of(value)->shape.size());
  int64_t axis = !channels_last ? 1 : weights ? rank - 2 : rank - 1;
  auto packed = [&](const Ref<Value>& v) {
    return pairs ? c.graph.call("pack_pairs", {v}, {make(Attr{.name = "axis", .value = axis})}) : v;
  };
  if (!c.has(zero_point)) return packed(value);
  Ref<Value> zero = widened(c.arg(zero_point));
  Shape shape = tensor_of(zero)->shape;
  // A zero point for each output channel stands along the weights' first dimension (channels-last: the last).
  if (weights && shape.size() == 1 && !is_int(shape[0], 1) && !channels_last) {
    std::vector<Ref<Expr>> wide(tensor_of(value)->shape.size(), imm(1));
    wide[0] = shape[0];
    zero = c.graph.call("reshape", {zero}, {make(Attr{.name = "shape", .value = Shape(wide)})});
  }
  return packed(c.graph.call("sub", {value, zero}));
}

Types types(TypeContext& c) {
  for (size_t k = 2; k < 4; ++k)
    if (c.has(k) && c.element(k) != c.element(k - 2))
      throw user_error("a zero point must have elements of {}, found {}", tw::to_string(c.element(k - 2)), tw::to_string(c.element(k)));
  auto as_i32 = [&](size_t k) { return make(Value{.id = "x", .type = tensor_type(c.shape(k), i32)}); };
  return infer_types(
      *make(OpCall{.op = "convolution", .args = {as_i32(0), as_i32(1)}, .attrs = to_attrs(c.attrs<ConvolutionAttributes>())}));
}
} // namespace

extern const OpDef convolution_integer = define<ConvolutionAttributes>(
    {.doc = "the convolution of (x - x_zero_point) and (weights - weights_zero_point) in i32; padding is x_zero_point",
     .inputs = std::vector<std::string>{"x: i8 | u8", "weights: i8 | u8", "x_zero_point?: i8 | u8", "weights_zero_point?: i8 | u8"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .layout = Layout::channels_last,
     .decompose =
         [](DecomposeContext& c) {
           auto attrs = to_attrs(c.attrs<ConvolutionAttributes>());
           const char* convolution = in_pairs(c) ? "convolution_pairs" : "convolution";
           return std::vector<Ref<Operand>>{c.graph.call(convolution, {centred(c, 0, 2, false), centred(c, 1, 3, true)}, attrs)};
         },
     .examples = {
         "convolution_integer(u8([[[2, 3, 4]]]), u8([[[1, 1]]]), u8(1)) == i32([[[3, 5]]])",
         "convolution_integer(u8([[[2, 3]]]), i8([[[1, 1]], [[2, 2]]]), u8(1), i8([0, 1]), pads=[1, 0]) == i32([[[1, 3], [1, 3]]])"}});

} // namespace tw::ops
