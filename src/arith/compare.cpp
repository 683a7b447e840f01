// SPDX-License-Identifier: Apache-2.0
// Comparisons, extrema and logic. A comparison of exact sums becomes d >= 0 for their difference d, which is proven, refuted, or written
// back in one form: positive terms on the left of <, <= or ==, the rest on the right, divided by the common factor.
#include "arith/state.h"

#include <algorithm>

namespace tw::arith {
namespace {

using State = Analyzer::State;

struct Sides {
  Sum left, right; // d == right - left
};
Sides sides(const Sum& d) {
  Sides s{.left = constant_sum(0, d.type), .right = constant_sum(0, d.type)};
  for (const Term& t : d.terms) {
    if (t.coefficient > 0) s.right.terms.push_back(t);
    else s.left.terms.push_back({t.product, 0 - t.coefficient});
  }
  return s;
}

// Terms (and a constant) that both sums hold.
Sum common_part(const Sum& a, const Sum& b) {
  Sum out{.type = a.type};
  for (const Term& t : a.terms)
    for (const Term& u : b.terms)
      if (t.product == u.product && t.coefficient == u.coefficient) out.terms.push_back(t);
  if (a.terms.size() != out.terms.size() && b.terms.size() != out.terms.size()) out.constant = std::min(a.constant, b.constant);
  return out;
}

} // namespace

Sum State::extremum(BinaryOp op, const Sum& a, const Sum& b) {
  if (a.same(b)) return a;
  Sum x = a, y = b, common = constant_sum(0, a.type);
  if (a.exact && b.exact) {
    Sum d = combine(b, a, -1);
    if (never_negative(d, 3)) return op == BinaryOp::min ? a : b;
    if (never_negative(scale(d, -1), 3)) return op == BinaryOp::min ? b : a;
    Sum shared = common_part(a, b);
    Sum p = combine(a, shared, -1), q = combine(b, shared, -1);
    if (fits(p) && fits(q)) x = p, y = q, common = shared;
  }
  const Atom *left = terms.emit(x), *right = terms.emit(y);
  if (x.is_constant() || (!y.is_constant() && arith::compare(right, left) < 0)) std::swap(left, right);
  const Atom* plain = terms.intern(op, left, right);
  const Atom* found = apply_rules(plain);
  Sum inner = found == plain ? opaque(found) : sum_of(found);
  return settle(combine(inner, common, 1));
}

const Atom* State::nonnegativity(const Sum& difference) {
  if (!difference.exact) return nullptr;
  if (never_negative(difference, 4)) return truth(true);
  if (never_negative(shift(scale(difference, -1), -1), 4)) return truth(false);
  Sum d = difference;
  if (int64_t g = common_divisor(d); g > 1) {
    for (Term& t : d.terms) t.coefficient /= g;
    d.constant = floor_quotient(d.constant, g);
  }
  auto [left, right] = sides(d);
  // left <= right + k, with the constant where it reads best.
  int64_t k = d.constant;
  bool strict = false;
  if (right.is_constant()) {
    strict = k != plus_infinity;
    right.constant = strict ? k + 1 : k;
  } else if (left.is_constant()) {
    left.constant = 0 - k;
  } else if (k >= 0) {
    right.constant = k;
  } else {
    strict = true;
    left.constant = 0 - (k + 1);
  }
  if (!fits(left) || !fits(right)) return nullptr;
  return terms.intern(strict ? BinaryOp::lt : BinaryOp::le, terms.emit(left), terms.emit(right));
}

const Atom* State::comparison(BinaryOp op, const Node* a, const Node* b) {
  if (op == BinaryOp::gt) return comparison(BinaryOp::lt, b, a);
  if (op == BinaryOp::ge) return comparison(BinaryOp::le, b, a);
  Sum x = sum(a), y = sum(b);
  bool equality = op == BinaryOp::eq || op == BinaryOp::ne;
  Sum d = combine(y, x, -1);
  if (d.is_zero()) return truth(op == BinaryOp::eq || op == BinaryOp::le);
  if (x.exact && y.exact) {
    d = join_remainders(d);
    if (!equality) {
      if (const Atom* found = nonnegativity(op == BinaryOp::lt ? shift(d, -1) : d)) return found;
    } else if (d.exact) {
      Sum minus = scale(d, -1), variable = d;
      variable.constant = 0;
      int64_t g = multiple(variable);
      if (d.is_constant() || (g && d.constant % g != 0) || never_negative(shift(d, -1), 4) || never_negative(shift(minus, -1), 4))
        return truth((op == BinaryOp::eq) == d.is_zero());
      if (never_negative(d, 2) && never_negative(minus, 2)) return truth(op == BinaryOp::eq);
      if (int64_t divisor = common_divisor(d); divisor > 1 && d.constant % divisor == 0) {
        for (Term& t : d.terms) t.coefficient /= divisor;
        d.constant /= divisor;
      }
      auto first =
          std::min_element(d.terms.begin(), d.terms.end(), [](const Term& p, const Term& q) { return compare(p.product, q.product) < 0; });
      if (first->coefficient > 0) d = scale(d, -1);
      auto [left, right] = sides(d);
      right.constant = d.constant;
      if (fits(left) && fits(right)) return terms.intern(op, terms.emit(left), terms.emit(right));
    }
  }
  const Atom *left = terms.emit(x), *right = terms.emit(y);
  if (equality && arith::compare(right, left) < 0) std::swap(left, right);
  return apply_rules(terms.intern(op, left, right));
}

const Atom* State::negation(const Atom* a) {
  if (auto x = as_int(a->expr)) return truth(!*x);
  if (const auto* u = as<Unary>(a->expr); u && u->op == UnaryOp::logical_not) return a->children[0];
  if (const auto* b = as<Binary>(a->expr); b && is_scalar_int(b->a.node())) switch (b->op) {
    case BinaryOp::lt: return comparison(BinaryOp::le, b->b.node(), b->a.node());
    case BinaryOp::le: return comparison(BinaryOp::lt, b->b.node(), b->a.node());
    case BinaryOp::eq: return comparison(BinaryOp::ne, b->a.node(), b->b.node());
    case BinaryOp::ne: return comparison(BinaryOp::eq, b->a.node(), b->b.node());
    default: break;
    }
  return apply_rules(terms.intern(make(Unary{.op = UnaryOp::logical_not, .a = a->expr})));
}

bool State::implies(const Atom* a, const Atom* b) {
  if (a == b) return true;
  if (budget <= 0) return false;
  size_t facts = nonnegative.size(), conditions = assumed.size();
  learn(a);
  bool result = always(b, 2);
  nonnegative.resize(facts);
  assumed.resize(conditions);
  return result;
}

const Atom* State::logical(BinaryOp op, const Atom* a, const Atom* b) {
  bool is_and = op == BinaryOp::logical_and;
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
    if (auto value = as_int(x->expr)) return (*value != 0) == is_and ? y : x;
  if (implies(a, b)) return is_and ? a : b;
  if (implies(b, a)) return is_and ? b : a;
  const Atom* not_b = negation(b);
  if (is_and ? implies(a, not_b) : implies(negation(a), b)) return truth(!is_and);
  return apply_rules(terms.intern(op, a, b));
}

} // namespace tw::arith
