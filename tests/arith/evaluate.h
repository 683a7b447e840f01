// SPDX-License-Identifier: Apache-2.0
// Evaluates integer and boolean expressions at a point, with the semantics of ir/nodes/shared.h, independently of the code under test.
#pragma once

#include "ir/build.h"
#include "ir/derived.h"

#include <map>

namespace tw::testing {

using Point = std::map<const Node*, int64_t>;

inline int64_t wrap(int64_t v, DType type) {
  if (type.is_bool()) return v != 0;
  if (type.bits == 64) return v;
  auto mask = (uint64_t{1} << type.bits) - 1;
  uint64_t low = static_cast<uint64_t>(v) & mask;
  if (type.is_signed() && (low >> (type.bits - 1) & 1)) low |= ~mask;
  return static_cast<int64_t>(low);
}

// Empty: the expression divides by zero somewhere.
inline std::optional<int64_t> evaluate(const Node* n, const Point& at) {
  if (const auto* x = as<IntImm>(n)) return x->value;
  if (as<Var>(n)) return at.at(n);
  const auto* e = as<Expr>(n);
  if (const auto* x = as<Unary>(n)) {
    auto a = evaluate(x->a.node(), at);
    if (!a) return {};
    if (x->op == UnaryOp::logical_not) return !*a;
    return wrap(x->op == UnaryOp::neg ? static_cast<int64_t>(0 - static_cast<uint64_t>(*a)) : ~*a, e->dtype);
  }
  if (const auto* x = as<Cast>(n)) {
    auto a = evaluate(x->value.node(), at);
    return a ? std::optional(wrap(*a, e->dtype)) : a;
  }
  if (const auto* x = as<Select>(n)) {
    auto c = evaluate(x->cond.node(), at), a = evaluate(x->a.node(), at), b = evaluate(x->b.node(), at);
    if (!c || !a || !b) return {};
    return *c ? a : b;
  }
  const auto* x = as<Binary>(n);
  if (!x) throw internal_error("the test does not evaluate a {}", kind_name(n));
  auto a = evaluate(x->a.node(), at), b = evaluate(x->b.node(), at);
  if (!a || !b) return {};
  auto u = static_cast<uint64_t>(*a), v = static_cast<uint64_t>(*b);
  auto number = [&](uint64_t r) { return wrap(static_cast<int64_t>(r), e->dtype); };
  switch (x->op) {
  case BinaryOp::add: return number(u + v);
  case BinaryOp::sub: return number(u - v);
  case BinaryOp::mul: return number(u * v);
  case BinaryOp::floordiv:
  case BinaryOp::floormod: {
    if (*b == 0) return {};
    __int128 p = *a, q = *b, d = p / q;
    if (p % q != 0 && (p < 0) != (q < 0)) --d;
    return number(static_cast<uint64_t>(x->op == BinaryOp::floordiv ? d : p - d * q));
  }
  case BinaryOp::min: return std::min(*a, *b);
  case BinaryOp::max: return std::max(*a, *b);
  case BinaryOp::eq: return *a == *b;
  case BinaryOp::ne: return *a != *b;
  case BinaryOp::lt: return *a < *b;
  case BinaryOp::le: return *a <= *b;
  case BinaryOp::gt: return *a > *b;
  case BinaryOp::ge: return *a >= *b;
  case BinaryOp::logical_and:
  case BinaryOp::bit_and: return *a & *b;
  case BinaryOp::logical_or:
  case BinaryOp::bit_or: return *a | *b;
  case BinaryOp::bit_xor: return *a ^ *b;
  default: throw internal_error("the test does not evaluate {}", name_of(x->op));
  }
}

// A text for failure messages only.
inline std::string show(const Node* n) {
  if (const auto* x = as<IntImm>(n)) return std::to_string(x->value);
  if (const auto* x = as<FloatImm>(n)) return fmt::format("{}f", x->value);
  if (const auto* x = as<Var>(n)) return x->id.str();
  if (const auto* x = as<Unary>(n)) return fmt::format("{}({})", name_of(x->op), show(x->a.node()));
  if (const auto* x = as<Cast>(n)) return fmt::format("{}({})", to_string(x->to), show(x->value.node()));
  if (const auto* x = as<Select>(n)) return fmt::format("select({}, {}, {})", show(x->cond.node()), show(x->a.node()), show(x->b.node()));
  if (const auto* x = as<Binary>(n)) return fmt::format("{}({}, {})", name_of(x->op), show(x->a.node()), show(x->b.node()));
  return kind_name(n);
}
template <class T> std::string show(const Opt<T>& e) { return show(e.node()); }

} // namespace tw::testing
