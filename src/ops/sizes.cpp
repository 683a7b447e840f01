// SPDX-License-Identifier: Apache-2.0
#include "ops/sizes.h"

#include "arith/analyzer.h"

namespace tw::ops {

bool surely_equal(const Ref<Expr>& a, const Ref<Expr>& b) {
  if (a.same_as(b)) return true;
  auto x = as_int(a), y = as_int(b);
  return x && y ? *x == *y : arith::prove_equal(a, b);
}
bool surely_different(const Ref<Expr>& a, const Ref<Expr>& b) {
  auto x = as_int(a), y = as_int(b);
  return x && y ? *x != *y : arith::Analyzer().prove(ne(a, b));
}
bool surely_at_most(const Ref<Expr>& a, const Ref<Expr>& b) {
  auto x = as_int(a), y = as_int(b);
  return x && y ? *x <= *y : arith::Analyzer().prove(a <= b);
}
bool surely_greater(const Ref<Expr>& a, const Ref<Expr>& b) {
  auto x = as_int(a), y = as_int(b);
  return x && y ? *x > *y : arith::Analyzer().prove(a > b);
}
Ref<Expr> simplified(const Ref<Expr>& e) { return as<IntImm>(e) || as<Var>(e) ? e : arith::simplify(e); }
Shape simplified(const Shape& shape) {
  std::vector<Ref<Expr>> out;
  for (const auto& e : shape) out.push_back(simplified(e));
  return Shape(std::move(out));
}
bool may_be_empty(const Ref<Expr>& extent) { return !surely_greater(extent, imm(0)); }

std::string to_string(const Ref<Expr>& size) {
  static const char* const signs[] = {"+", "-", "*", "/", "//", "%"};
  if (auto value = as_int(size)) return std::to_string(*value);
  if (const auto* v = as<Var>(size)) return v->id.str();
  if (const auto* b = as<Binary>(size)) {
    std::string x = to_string(b->a), y = to_string(b->b);
    if (b->op <= BinaryOp::floormod) return fmt::format("({} {} {})", x, signs[static_cast<size_t>(b->op)], y);
    return fmt::format("{}({}, {})", name_of(b->op), x, y);
  }
  return "?";
}
std::string to_string(const Shape& shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + to_string(shape[i]);
  return out + (shape.size() == 1 ? ",)" : ")");
}

} // namespace tw::ops
