// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

namespace tw::ops {

namespace {
// By squaring, for the six bits that can matter; larger exponents keep their parity.
Ref<Expr> integer_power(const E& base, const E& exponent) {
  DType type = base->dtype;
  E one = imm(1, type), none = zero(type);
  E n = tw::cast(i64, exponent), odd = ne(floormod(n, 2), imm(0));
  E bounded = select(n > imm(63), select(odd, imm(63), imm(62)), n);
  E result = one, square = base;
  for (int64_t bit = 0; bit < 6; ++bit) {
    E set = ne(binary(BinaryOp::bit_and, bounded, imm(int64_t{1} << bit)), imm(0));
    result = result * select(set, square, one);
    square = square * square;
  }
  E reciprocal = eq(base, one);
  E inverse = select(reciprocal, one, none);
  if (type.is_signed()) inverse = select(eq(base, -one), select(odd, -one, one), inverse);
  return select(n < imm(0), inverse, result);
}
Ref<Expr> power(const E& base, const E& exponent) {
  DType type = base->dtype;
  if (type.is_float()) return tw::call("pow", {base, tw::cast(type, exponent)});
  if (exponent->dtype.is_int()) return integer_power(base, exponent);
  return tw::cast(type, tw::call("pow", {tw::cast(f64, base), tw::cast(f64, exponent)}));
}
} // namespace

extern const OpDef pow =
    define({.doc = "base to the power of exponent, with broadcasting, in the base's type; integers wrap",
            .inputs = std::vector<std::string>{"base: number", "exponent: number"},
            .type = TypeRule([](TypeContext& c) {
              return Types{tensor_type(c.broadcast({c.shape(0), c.shape(1)}), c.element(0))};
            }),
            .fusion = Fusion::elementwise,
            .layout = Layout::any_common,
            .compute =
                [](Compute& c) {
                  c.output(0, [&](Indices i) {
                    return tw::cast(c.output(0).element(), power(widen(c.input(0).broadcast(i)), widen(c.input(1).broadcast(i))));
                  });
                },
            .examples = {"pow([2.0, 9.0], [3.0, 0.5]) == [8.0, 3.0]", "pow([2, -3, 2, -1], [10, 3, -1, -3]) == [1024, -27, 0, -1]",
                         "pow([2, 3], [0.5, 2.0]) == [1, 9]", "pow([2.0], [3]) == [8.0]"}});

} // namespace tw::ops
