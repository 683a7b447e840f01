// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"

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
  Types types = infer_types(*make(OpCall{.op = "matmul", .args = {as_i32(0), as_i32(3)}}));
  return {tensor_type(types[0]->shape, c.element(7))};
}
} // namespace

extern const OpDef quantized_matmul =
    define({.doc = "the matrix product of two quantised matrices, quantised again: sums in i32, then scaled",
            .inputs = std::vector<std::string>{"a: i8 | u8", "a_scale: float", "a_zero_point: i8 | u8", "b: i8 | u8", "b_scale: float",
                                               "b_zero_point: i8 | u8", "scale: float", "zero_point: i8 | u8"},
            .type = TypeRule(types),
            .fusion = Fusion::product,
            .decompose =
                [](DecomposeContext& c) {
                  Ref<Operand> sum = c.graph.call("matmul_integer", {c.arg(0), c.arg(3), c.arg(2), c.arg(5)});
                  return std::vector<Ref<Operand>>{requantised(c, sum, -1)};
                },
            .examples = {"quantized_matmul(u8([[3, 5]]), 0.5, u8(1), i8([[2], [4]]), 0.25, i8(0), 0.5, u8(10)) == u8([[15]])"}});

} // namespace tw::ops
