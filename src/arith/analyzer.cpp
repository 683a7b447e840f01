// SPDX-License-Identifier: Apache-2.0
// Facts, and the questions of the contract.
#include "arith/state.h"

#include <algorithm>

namespace tw::arith {
namespace {

using State = Analyzer::State;
constexpr int simplify_budget = 4000, prove_budget = 4000;

// Loads may read other values later; a variable bound to them is not replaced by them.
bool reads_memory(const Node* e) {
  if (as<Load>(e)) return true;
  bool found = false;
  for_children(e, [&](const Node* c) { found = found || reads_memory(c); });
  return found;
}

} // namespace

void State::forget() {
  generation = ++last_generation;
  memo.clear();
}

Analyzer::Analyzer() : state_(std::make_unique<State>()) {}
Analyzer::~Analyzer() = default;

void Analyzer::bind(const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent) {
  State& s = *state_;
  s.budget = prove_budget;
  bool known = s.memo.count(v.node());
  s.ranges.erase(v.node());
  s.symbolic.erase(v.node());
  if (s.values.erase(v.node())) known = true;
  Sum first = s.sum(begin.node()), size = s.sum(extent.node());
  if (known) s.forget();
  if (!first.exact || !size.exact) return;
  Sum end = combine(first, size, 1);
  Bounds low = s.bounds(first), high = s.bounds(end);
  Bounds range{low.min, is_finite(high.max) ? high.max - 1 : plus_infinity};
  s.ranges.insert_or_assign(v.node(), std::pair(Ref<Expr>(v), range));
  if (size.is_constant() && size.constant == 1) {
    s.values.insert_or_assign(v.node(), std::pair(Ref<Expr>(v), s.terms.emit(first)->expr));
  } else if (!first.is_constant() || !size.is_constant()) {
    s.symbolic.insert_or_assign(v.node(), std::pair(Ref<Expr>(v), State::Range{s.terms.emit(first)->expr, s.terms.emit(end)->expr}));
    // A loop that runs has something to run over.
    const Atom* only = size.terms.size() == 1 && size.constant == 0 && size.terms[0].coefficient == 1 ? size.terms[0].product : nullptr;
    if (const auto* n = only ? as<Var>(only->expr) : nullptr; n && s.bounds(only).min < 1) {
      s.ranges.insert_or_assign(only->expr.node(), std::pair(only->expr, both(s.bounds(only), {1, plus_infinity})));
      s.forget();
    } else if (!s.never_negative(shift(size, -1))) {
      s.nonnegative.push_back(shift(size, -1));
    }
  }
}

void Analyzer::bind_value(const Ref<Var>& v, const Ref<Expr>& value) {
  State& s = *state_;
  s.budget = simplify_budget;
  bool known = s.memo.count(v.node());
  Ref<Expr> simple = s.atom(value.node())->expr;
  Bounds range = is_scalar_int(value.node()) ? s.bounds(s.sum(value.node())) : Bounds{};
  s.ranges.erase(v.node());
  s.symbolic.erase(v.node());
  s.values.erase(v.node());
  if (known) s.forget();
  s.ranges.insert_or_assign(v.node(), std::pair(Ref<Expr>(v), range));
  if (!reads_memory(simple.node())) s.values.insert_or_assign(v.node(), std::pair(Ref<Expr>(v), simple));
}

Analyzer::Scope Analyzer::scope() {
  State& s = *state_;
  return Scope([&s, facts = s.nonnegative, conditions = s.assumed, ranges = s.ranges, symbolic = s.symbolic, values = s.values]() mutable {
    s.nonnegative = std::move(facts);
    s.assumed = std::move(conditions);
    s.ranges = std::move(ranges);
    s.symbolic = std::move(symbolic);
    s.values = std::move(values);
    s.forget();
  });
}

Analyzer::Scope Analyzer::assume(const Ref<Expr>& condition) {
  State& s = *state_;
  s.budget = simplify_budget;
  auto saved_facts = s.nonnegative;
  auto saved_assumed = s.assumed;
  auto saved_ranges = s.ranges;
  size_t before = s.nonnegative.size();
  s.learn(s.atom(condition.node()));
  for (size_t i = before; i < s.nonnegative.size(); ++i) {
    // c * v + k >= 0 with one variable is a range.
    const Sum& f = s.nonnegative[i];
    if (f.terms.size() != 1 || !as<Var>(f.terms[0].product->expr) || f.constant == minus_infinity) continue;
    const Atom* v = f.terms[0].product;
    int64_t c = f.terms[0].coefficient;
    Bounds b = c > 0 ? Bounds{-floor_quotient(f.constant, c), plus_infinity} : Bounds{minus_infinity, floor_quotient(f.constant, -c)};
    s.ranges.insert_or_assign(v->expr.node(), std::pair(v->expr, both(s.bounds(v), b)));
    s.generation = ++s.last_generation;
  }
  s.forget();
  // What was bound inside stays bound.
  return Scope([&s, facts = std::move(saved_facts), conditions = std::move(saved_assumed), ranges = std::move(saved_ranges),
                inner = s.ranges]() mutable {
    for (auto& [v, range] : s.ranges)
      if (auto at = inner.find(v);
          at == inner.end() || at->second.second.min != range.second.min || at->second.second.max != range.second.max)
        ranges.insert_or_assign(v, range);
    s.nonnegative = std::move(facts);
    s.assumed = std::move(conditions);
    s.ranges = std::move(ranges);
    s.forget();
  });
}

Bounds Analyzer::bounds(const Ref<Expr>& e) {
  State& s = *state_;
  s.budget = simplify_budget;
  if (!is_scalar_int(e.node())) return s.bounds(s.atom(e.node()));
  Bounds b = s.bounds(s.sum(e.node()));
  return e->dtype.bits < 64 ? both(b, range_of(e->dtype)) : b;
}

int64_t Analyzer::multiple_of(const Ref<Expr>& e) {
  State& s = *state_;
  s.budget = simplify_budget;
  int64_t g = is_scalar_int(e.node()) ? s.multiple(s.sum(e.node())) : s.multiple(s.atom(e.node()));
  return g ? g : int64_t{1} << 62;
}

Ref<Expr> Analyzer::simplify(const Ref<Expr>& e) {
  State& s = *state_;
  s.budget = simplify_budget;
  Ref<Expr> out = s.atom(e.node())->expr;
  return equal(out, e) ? e : out;
}

bool Analyzer::prove(const Ref<Expr>& condition) {
  State& s = *state_;
  s.budget = prove_budget;
  const Atom* a = s.atom(condition.node());
  return s.always(a);
}
bool Analyzer::prove_equal(const Ref<Expr>& a, const Ref<Expr>& b) {
  return a.same_as(b) || prove(make(Binary{.op = BinaryOp::eq, .a = a, .b = b}));
}
bool Analyzer::prove_less(const Ref<Expr>& a, const Ref<Expr>& b) { return prove(make(Binary{.op = BinaryOp::lt, .a = a, .b = b})); }
bool Analyzer::prove_multiple(const Ref<Expr>& e, int64_t n) {
  if (n == 0) return false;
  return multiple_of(e) % n == 0 || is_int(simplify(floormod(e, imm(n, e->dtype))), 0);
}

Ref<Expr> simplify(const Ref<Expr>& e) { return Analyzer().simplify(e); }
bool prove_equal(const Ref<Expr>& a, const Ref<Expr>& b) { return Analyzer().prove_equal(a, b); }

} // namespace tw::arith
