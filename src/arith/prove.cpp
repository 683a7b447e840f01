// SPDX-License-Identifier: Apache-2.0
// Is d >= 0 always? By bounds; by a fact f >= 0 with d - k*f >= 0; by cases of a minimum, maximum or selection; by replacing what only
// makes d smaller: a loop variable by its symbolic end, x // c by (x - c + 1) / c, x % c by c - 1.
#include "arith/state.h"

#include <algorithm>
#include <numeric>

namespace tw::arith {
namespace {

using State = Analyzer::State;

struct Prover {
  State& s;
  const Sum& d;
  int depth;

  bool again(const Sum& next) { return next.exact && s.never_negative(next, depth - 1); }
  Sum without(const Term& t) {
    Sum out = d;
    add_term(out, t.product, 0 - t.coefficient);
    return out;
  }
  bool with_facts();
  bool by_cases(const Term& t);
  bool by_select(const Term& t);
  bool by_division(const Term& t);
  bool by_variables();
  // The sign of a sum that multiplies something: 1, -1, or 0 for unknown.
  int sign(const Sum& factor) {
    Bounds b = s.bounds(factor);
    return b.min >= 0 ? 1 : b.max <= 0 ? -1 : 0;
  }
};

bool Prover::with_facts() {
  for (size_t i = s.nonnegative.size(); i-- > 0;) {
    const Sum& f = s.nonnegative[i];
    for (const Term& t : f.terms) {
      auto found = std::find_if(d.terms.begin(), d.terms.end(), [&](const Term& u) { return u.product == t.product; });
      if (found == d.terms.end() || (found->coefficient < 0) != (t.coefficient < 0)) continue;
      if (found->coefficient % t.coefficient != 0) continue;
      Sum rest = combine(d, f, 0 - found->coefficient / t.coefficient);
      if (rest.terms.size() <= d.terms.size() && again(rest)) return true;
      break;
    }
  }
  return false;
}

bool Prover::by_cases(const Term& t) {
  bool is_min = t.product->binary(BinaryOp::min);
  if (!is_min && !t.product->binary(BinaryOp::max)) return false;
  // A minimum counted positively is as small as either operand; counted negatively, one operand bounds it.
  bool needs_both = is_min == (t.coefficient > 0);
  Sum rest = without(t);
  for (const Atom* child : t.product->children) {
    Sum arm = s.sum_of(child);
    bool holds = arm.exact && again(combine(rest, arm, t.coefficient));
    if (holds != needs_both) return holds;
  }
  return needs_both;
}

bool Prover::by_select(const Term& t) {
  if (!as<Select>(t.product->expr)) return false;
  Sum rest = without(t);
  size_t facts = s.nonnegative.size(), conditions = s.assumed.size();
  bool holds = true;
  for (int i = 0; i < 2 && holds; ++i) {
    const Atom* condition = t.product->children[0];
    s.learn(i == 0 ? condition : s.negation(condition));
    Sum arm = s.sum_of(t.product->children[static_cast<size_t>(i) + 1]);
    holds = arm.exact && again(combine(rest, arm, t.coefficient));
    s.nonnegative.resize(facts);
    s.assumed.resize(conditions);
  }
  return holds;
}

// One factor of the product is x // c or x % c.
bool Prover::by_division(const Term& t) {
  for (size_t i = 0; i < t.product->degree(); ++i) {
    const Atom* f = t.product->factors.empty() ? t.product : t.product->factors[i];
    bool is_quotient = f->binary(BinaryOp::floordiv);
    if (!is_quotient && !f->binary(BinaryOp::floormod)) continue;
    Sum x = s.sum_of(f->children[0]), c = s.sum_of(f->children[1]);
    if (!x.exact || !c.exact || c.constant == minus_infinity) continue;
    std::optional<const Atom*> others = s.terms.quotient(t.product, f);
    if (!others) continue;
    Sum factor = *others ? atom_sum(*others, t.coefficient) : constant_sum(t.coefficient, d.type);
    Sum rest = without(t);
    Sum slack = shift(c, -1);
    if (c.is_constant()) {
      if (c.constant <= 0) continue;
      slack.constant -= std::gcd(s.multiple(x), c.constant) - 1;
    } else if (!s.positive(c)) {
      continue;
    }
    if (is_quotient && !*others && (t.coefficient == 1 || t.coefficient == -1)) {
      // Exactly: r + x // c >= 0 if c*r + x >= 0, and r - x // c >= 0 if c*r + c - 1 - x >= 0.
      auto scaled = multiply(rest, c, s.terms, 16);
      if (scaled && again(combine(t.coefficient > 0 ? *scaled : combine(*scaled, shift(c, -1), 1), x, t.coefficient))) return true;
      continue;
    }
    Sum value = x;
    if (is_quotient) {
      // Bring c * (x // c) about: by scaling everything, or because c is among the factors.
      if (c.is_constant()) {
        if (t.coefficient % c.constant == 0) {
          factor = *others ? atom_sum(*others, t.coefficient / c.constant) : constant_sum(t.coefficient / c.constant, d.type);
        } else {
          rest = scale(rest, c.constant);
        }
      } else {
        if (c.terms.size() != 1 || c.constant != 0 || c.terms[0].coefficient != 1 || !*others) continue;
        auto fewer = s.terms.quotient(*others, c.terms[0].product);
        if (!fewer) continue;
        factor = *fewer ? atom_sum(*fewer, t.coefficient) : constant_sum(t.coefficient, d.type);
      }
    }
    int direction = sign(factor);
    if (direction == 0) continue;
    if (is_quotient) {
      if (direction > 0) value = combine(x, slack, -1);
      auto product = multiply(value, factor, s.terms, 16);
      if (product && again(combine(rest, *product, 1))) return true;
    } else {
      // 0 <= x % c <= c - 1, and x % c <= x for x >= 0.
      auto product = multiply(direction > 0 ? constant_sum(0, d.type) : slack, factor, s.terms, 16);
      if (product && again(combine(rest, *product, 1))) return true;
      if (direction < 0 && s.never_negative(x, depth - 2)) {
        product = multiply(x, factor, s.terms, 16);
        if (product && again(combine(rest, *product, 1))) return true;
      }
    }
  }
  return false;
}

bool Prover::by_variables() {
  std::vector<const Atom*> variables;
  for (const Term& t : d.terms) {
    auto consider = [&](const Atom* a) {
      if (as<Var>(a->expr) && std::find(variables.begin(), variables.end(), a) == variables.end()) variables.push_back(a);
    };
    if (t.product->factors.empty()) consider(t.product);
    for (const Atom* f : t.product->factors) consider(f);
  }
  int tried = 0;
  for (const Atom* v : variables) {
    Sum factor = constant_sum(0, d.type), rest = d;
    bool linear = true;
    for (const Term& t : d.terms) {
      auto q = s.terms.quotient(t.product, v);
      if (!q) continue;
      add_term(rest, t.product, 0 - t.coefficient);
      if (!*q) factor.constant += t.coefficient;
      else if (s.terms.quotient(*q, v)) linear = false;
      else add_term(factor, *q, t.coefficient);
    }
    if (!linear) continue;
    int direction = sign(factor);
    if (direction == 0) continue;
    std::optional<Sum> replacement;
    if (auto found = s.symbolic.find(v->expr.node()); found != s.symbolic.end()) {
      const State::Range& range = found->second.second;
      replacement = direction > 0 ? s.sum(range.begin.node()) : shift(s.sum(range.end.node()), -1);
      if (replacement->is_constant() && factor.is_constant()) continue;
    } else if (!factor.is_constant()) {
      Bounds b = s.bounds(v);
      int64_t end = direction > 0 ? b.min : b.max;
      if (is_finite(end)) replacement = constant_sum(end, d.type);
    }
    if (!replacement || !replacement->exact) continue;
    auto product = multiply(*replacement, factor, s.terms, 16);
    if (product && again(combine(rest, *product, 1))) return true;
    if (++tried == 3) return false;
  }
  return false;
}

} // namespace

bool State::never_negative(const Sum& d, int depth) {
  if (!d.exact) return false;
  if (d.is_constant()) return d.constant >= 0;
  if (--budget <= 0) return false;
  Bounds b = bounds(d);
  if (b.min >= 0) return true;
  if (b.max < 0 || depth <= 0) return false;
  Prover prover{*this, d, depth};
  if (prover.with_facts() || prover.by_variables()) return true;
  for (const Term& t : d.terms)
    if (prover.by_cases(t) || prover.by_select(t) || prover.by_division(t)) return true;
  return false;
}

bool State::always(const Atom* condition, int depth) {
  if (auto x = as_int(condition->expr)) return *x != 0;
  if (std::find(assumed.begin(), assumed.end(), condition) != assumed.end()) return true;
  const auto* b = as<Binary>(condition->expr);
  if (!b || depth <= 0) return false;
  if (b->op == BinaryOp::logical_and) return always(condition->children[0], depth) && always(condition->children[1], depth);
  if (b->op == BinaryOp::logical_or) {
    if (always(condition->children[0], depth - 1) || always(condition->children[1], depth - 1)) return true;
    size_t facts = nonnegative.size(), conditions = assumed.size();
    learn(negation(condition->children[0]));
    bool result = always(condition->children[1], depth - 1);
    nonnegative.resize(facts);
    assumed.resize(conditions);
    return result;
  }
  if (!is_scalar_int(b->a.node())) return false;
  Sum x = sum_of(condition->children[0]), y = sum_of(condition->children[1]);
  if (!x.exact || !y.exact) return false;
  Sum d = join_remainders(combine(y, x, -1));
  int proof = 2 * depth;
  switch (b->op) {
  case BinaryOp::lt: return never_negative(shift(d, -1), proof);
  case BinaryOp::le: return never_negative(d, proof);
  case BinaryOp::eq: return d.is_zero() || (never_negative(d, proof) && never_negative(scale(d, -1), proof));
  case BinaryOp::ne: return never_negative(shift(d, -1), proof) || never_negative(shift(scale(d, -1), -1), proof);
  default: return false;
  }
}

void State::learn(const Atom* condition) {
  assumed.push_back(condition);
  const auto* b = as<Binary>(condition->expr);
  if (!b) return;
  if (b->op == BinaryOp::logical_and) {
    learn(condition->children[0]);
    learn(condition->children[1]);
    return;
  }
  if (!is_scalar_int(b->a.node())) return;
  Sum x = sum_of(condition->children[0]), y = sum_of(condition->children[1]);
  if (!x.exact || !y.exact) return;
  auto fact = [&](Sum d) {
    if (d.exact && !d.is_constant()) nonnegative.push_back(std::move(d));
  };
  Sum d = combine(y, x, -1);
  switch (b->op) {
  case BinaryOp::lt: return fact(shift(d, -1));
  case BinaryOp::le: return fact(d);
  case BinaryOp::eq: fact(d); return fact(scale(d, -1));
  case BinaryOp::ne:
    if (bounds(d).min >= 0) fact(shift(d, -1));
    else if (bounds(d).max <= 0) fact(shift(scale(d, -1), -1));
    return;
  default: return;
  }
}

} // namespace tw::arith
