// SPDX-License-Identifier: Apache-2.0
// Intervals and common divisors of sums and atoms.
#include "arith/state.h"

#include <algorithm>
#include <numeric>

namespace tw::arith {

Bounds Analyzer::State::product_bounds(const Atom* product) {
  Bounds out = point(1);
  for (const Atom* f : product->factors) out = out * bounds(f);
  return out;
}

Bounds Analyzer::State::plain_bounds(const Sum& s) {
  Bounds out = point(s.constant);
  for (const Term& t : s.terms)
    out = out + (t.product->factors.empty() ? bounds(t.product) : product_bounds(t.product)) * point(t.coefficient);
  return out;
}

Bounds Analyzer::State::bounds(const Sum& s) {
  if (!s.exact) return range_of(s.type);
  Bounds out = plain_bounds(s);
  if (s.terms.size() > 1)
    // min(a, b) - rest is one of a - rest and b - rest, where terms may cancel.
    for (const Term& t : s.terms) {
      bool is_min = t.product->binary(BinaryOp::min);
      if ((!is_min && !t.product->binary(BinaryOp::max)) || budget <= 0) continue;
      budget -= 4;
      Bounds arm[2];
      for (int i = 0; i < 2; ++i) {
        Sum part = sum_of(t.product->children[i]);
        if (!part.exact) return out;
        Sum without = s;
        add_term(without, t.product, 0 - t.coefficient);
        arm[i] = plain_bounds(combine(without, part, t.coefficient));
      }
      out = both(out, is_min == (t.coefficient > 0) ? smaller(arm[0], arm[1]) : larger(arm[0], arm[1]));
      break;
    }
  return out.min <= out.max ? out : Bounds{};
}

Bounds Analyzer::State::bounds(const Atom* a) {
  if (a->generation != generation) {
    a->generation = generation;
    a->bounds = {};
    a->multiple = -1;
    Bounds found = compute_bounds(a);
    // Facts that contradict each other belong to code that never runs; nothing is concluded from them.
    a->bounds = found.min <= found.max ? found : range_of(a->expr->dtype.element());
    if (a->generation != generation) a->generation = 0;
  }
  return a->bounds;
}

Bounds Analyzer::State::compute_bounds(const Atom* a) {
  const Node* e = a->expr.node();
  DType type = a->expr->dtype.element();
  if (type.is_float()) return {};
  Bounds limit = range_of(type);
  auto within = [&](Bounds b) {
    return type == u64 ? Bounds{} : type.bits == 64 ? (a->data && !is_finite(b) ? Bounds{} : b) : inside(b, limit) ? b : limit;
  };
  auto operand = [&](size_t i) { return bounds(a->children[i]); };
  if (const auto* x = as<IntImm>(e)) return x->type == u64 && x->value < 0 ? Bounds{} : point(x->value);
  if (const auto* x = as<Var>(e)) {
    Bounds own = both(limit, {x->min, x->max});
    auto found = ranges.find(e);
    return found == ranges.end() ? own : both(own, found->second.second);
  }
  if (type == u64) return limit;
  if (!a->factors.empty()) return within(product_bounds(a));
  if (const auto* x = as<Binary>(e)) {
    bool compares = x->op >= BinaryOp::eq && x->op <= BinaryOp::logical_or;
    if (compares) return limit;
    switch (x->op) {
    case BinaryOp::add: return within(operand(0) + operand(1));
    case BinaryOp::sub: return within(operand(0) + -operand(1));
    case BinaryOp::mul: return within(operand(0) * operand(1));
    case BinaryOp::floordiv: return within(floor_quotient(operand(0), operand(1)));
    case BinaryOp::floormod: {
      Bounds p = operand(0), q = operand(1);
      Bounds out = floor_remainder(p, q);
      // A multiple of 4 leaves at most 12 modulo 16.
      if (q.min == q.max && q.min > 0 && out.max == q.min - 1)
        if (int64_t g = std::gcd(multiple(sum_of(a->children[0])), q.min); g > 1) out.max = q.min - g;
      return within(out);
    }
    case BinaryOp::min: return smaller(operand(0), operand(1));
    case BinaryOp::max: return larger(operand(0), operand(1));
    case BinaryOp::bit_and: {
      Bounds p = operand(0), q = operand(1);
      if (p.min >= 0 && q.min >= 0) return {0, std::min(p.max, q.max)};
      if (p.min >= 0) return {0, p.max};
      if (q.min >= 0) return {0, q.max};
      return limit;
    }
    case BinaryOp::shift_right: {
      Bounds p = operand(0);
      if (p.min >= 0 && operand(1).min >= 0) return {0, p.max};
      return limit;
    }
    default: return limit;
    }
  }
  if (const auto* x = as<Unary>(e))
    return x->op == UnaryOp::neg ? within(-operand(0)) : x->op == UnaryOp::bit_not ? within(-operand(0) + point(-1)) : limit;
  if (as<Select>(e)) return either(operand(1), operand(2));
  if (const auto* x = as<Cast>(e)) {
    if (x->value->dtype.is_float()) return limit;
    Bounds from = both(operand(0), range_of(x->value->dtype.element()));
    if (x->value->dtype.element() == u64) return limit;
    return type.is_bool() ? limit : within(from);
  }
  if (as<Broadcast>(e)) return operand(0);
  if (const auto* x = as<Ramp>(e)) return within(operand(0) + operand(1) * Bounds{0, x->lanes - 1});
  return limit;
}

// ---- divisibility; 0 stands for "every number", as the value itself is zero

int64_t Analyzer::State::multiple(const Sum& s) {
  int64_t g = s.constant == minus_infinity ? 1 : std::abs(s.constant);
  for (const Term& t : s.terms) {
    int64_t product;
    if (t.coefficient == minus_infinity || __builtin_mul_overflow(std::abs(t.coefficient), multiple(t.product), &product)) product = 1;
    g = std::gcd(g, product);
    if (g == 1) break;
  }
  // Wrapping keeps only the divisors of 2^width.
  return s.exact || g == 0 ? g : g & -g;
}

int64_t Analyzer::State::multiple(const Atom* a) {
  bounds(a);
  if (a->multiple < 0) {
    a->multiple = 1;
    a->multiple = compute_multiple(a);
  }
  return a->multiple;
}

int64_t Analyzer::State::compute_multiple(const Atom* a) {
  const Node* e = a->expr.node();
  if (a->expr->dtype.is_float() || a->expr->dtype.is_bool()) return 1;
  if (const auto* x = as<IntImm>(e)) return x->value == minus_infinity ? 1 : std::abs(x->value);
  if (const auto* x = as<Var>(e)) return std::max<int64_t>(x->multiple, 1);
  if (!a->factors.empty()) {
    int64_t out = 1;
    for (const Atom* f : a->factors)
      if (__builtin_mul_overflow(out, multiple(f), &out)) return 1;
    return fits(atom_sum(a)) ? out : out & -out;
  }
  auto operand = [&](size_t i) { return multiple(sum_of(a->children[i])); };
  if (const auto* x = as<Binary>(e)) switch (x->op) {
    case BinaryOp::floordiv: {
      auto c = as_int(x->b);
      int64_t g = operand(0);
      return c && *c > 0 && g % *c == 0 ? g / *c : 1;
    }
    case BinaryOp::floormod:
    case BinaryOp::min:
    case BinaryOp::max: return std::gcd(operand(0), operand(1));
    case BinaryOp::add:
    case BinaryOp::sub:
    case BinaryOp::mul: return multiple(sum_of(a));
    default: return 1;
    }
  if (as<Select>(e)) return std::gcd(operand(1), operand(2));
  if (const auto* x = as<Cast>(e)) {
    if (!is_scalar_int(x->value.node()) || x->value->dtype == u64) return 1;
    int64_t g = operand(0);
    return inside(bounds(a->children[0]), range_of(x->to)) ? g : g & -g;
  }
  if (as<Broadcast>(e)) return operand(0);
  if (as<Ramp>(e)) return std::gcd(operand(0), operand(1));
  return 1;
}

} // namespace tw::arith
