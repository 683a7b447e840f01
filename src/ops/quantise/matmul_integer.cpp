// SPDX-License-Identifier: Apache-2.0
#include "ops/op.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
// x - zero_point in i16, which holds any of them, in pairs along the inner dimension; a zero point for each row stands along the last
// dimension but one.
Ref<Operand> centred(DecomposeContext& c, size_t x, size_t zero_point, bool rows) {
  auto to_i16 = [&](const Ref<Operand>& v) { return c.graph.call("cast", {v}, {make(Attr{.name = "to", .value = i16})}); };
  Ref<Value> value = to_i16(c.arg(x));
  const int64_t inner = rows || tensor_of(value)->shape.size() == 1 ? -1 : -2;
  auto pairs = [&](const Ref<Operand>& v) { return c.graph.call("pack_pairs", {v}, {make(Attr{.name = "axis", .value = inner})}); };
  if (!c.has(zero_point)) return pairs(value);
  Ref<Value> zero = to_i16(c.arg(zero_point));
  Shape shape = tensor_of(zero)->shape;
  if (rows && shape.size() == 1 && !is_one(shape[0]))
    zero = c.graph.call("reshape", {zero}, {make(Attr{.name = "shape", .value = Shape{shape[0], imm(1)}})});
  return pairs(c.graph.call("sub", {value, zero}));
}

Types types(TypeContext& c) {
  for (size_t k = 2; k < 4; ++k)
    if (c.has(k) && c.element(k) != c.element(k - 2))
      throw user_error("a zero point must have elements of {}, found {}", tw::to_string(c.element(k - 2)), tw::to_string(c.element(k)));
  auto as_i32 = [&](size_t k) { return make(Value{.id = "x", .type = tensor_type(c.shape(k), i32)}); };
  return infer_types(*make(OpCall{.op = "matmul", .args = {as_i32(0), as_i32(1)}}));
}
} // namespace

extern const OpDef matmul_integer =
    define({.doc = "the matrix product of (a - a_zero_point) and (b - b_zero_point) in i32; zero points for the whole, the rows of a, the "
                   "columns of b",
            .inputs = std::vector<std::string>{"a: i8 | u8", "b: i8 | u8", "a_zero_point?: i8 | u8", "b_zero_point?: i8 | u8"},
            .type = TypeRule(types),
            .fusion = Fusion::product,
            .decompose =
                [](DecomposeContext& c) {
                  return std::vector<Ref<Operand>>{c.graph.call("matmul_pairs", {centred(c, 0, 2, true), centred(c, 1, 3, false)})};
                },
            .examples = {"matmul_integer(u8([[11, 7], [10, 6]]), i8([[1], [2]]), u8(12)) == i32([[-11], [-14]])",
                         "matmul_integer(u8([[1, 2], [3, 4]]), u8([[1], [1]]), u8([1, 2]), u8([1])) == i32([[0], [0]])"}});

} // namespace tw::ops
