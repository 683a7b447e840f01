// SPDX-License-Identifier: Apache-2.0
// What can be known about integer expressions: bounds, divisibility, equality, simplest form. Facts come from variables (min, max, multiple
// of), from loop ranges, and from conditions that hold on the path. Rules are tables (rules.h).
#pragma once

#include "ir/build.h"
#include "ir/derived.h"

namespace tw::arith {

struct Bounds {
  int64_t min = std::numeric_limits<int64_t>::min(), max = std::numeric_limits<int64_t>::max(); // the extremes mean: unknown
};

class Analyzer {
public:
  // begin <= v < begin + extent from now on (v may be bound again with a narrower range), and so extent >= 1: what follows the loop in the
  // code must not know that, so code that runs after a loop needs a scope around it.
  void bind(const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent);
  // v stands for the value.
  void bind_value(const Ref<Var>& v, const Ref<Expr>& value);
  // All that is bound or assumed while the returned scope lives is forgotten when it dies.
  class Scope;
  [[nodiscard]] Scope scope();
  // The condition holds from now on until the returned scope dies.
  [[nodiscard]] Scope assume(const Ref<Expr>& condition);

  Bounds bounds(const Ref<Expr>& e);
  // e is a multiple of the result (>= 1).
  int64_t multiple_of(const Ref<Expr>& e);
  // Simplest equivalent form; deterministic; floats only where exact. Linear in practice: memoised, bounded steps.
  Ref<Expr> simplify(const Ref<Expr>& e);
  // True only if it always holds.
  bool prove(const Ref<Expr>& condition);
  bool prove_equal(const Ref<Expr>& a, const Ref<Expr>& b);
  bool prove_less(const Ref<Expr>& a, const Ref<Expr>& b);
  bool prove_multiple(const Ref<Expr>& e, int64_t n);

  Analyzer();
  ~Analyzer();
  Analyzer(const Analyzer&) = delete;

  struct State; // state.h

private:
  std::unique_ptr<State> state_;
};

class Analyzer::Scope {
public:
  explicit Scope(std::function<void()> undo) : undo_(std::move(undo)) {}
  Scope(Scope&&) = default;
  ~Scope() {
    if (undo_) undo_();
  }

private:
  std::function<void()> undo_;
};

// Simplifies with the facts of the variables alone.
Ref<Expr> simplify(const Ref<Expr>& e);
bool prove_equal(const Ref<Expr>& a, const Ref<Expr>& b);

// e == Σ coefficients[i] * vars[i] + rest, coefficients and rest free of vars; empty if e is not affine in vars.
struct Affine {
  std::vector<Ref<Expr>> coefficients;
  Ref<Expr> rest;
};
std::optional<Affine> affine(const Ref<Expr>& e, const std::vector<Ref<Var>>& vars, Analyzer& analyzer);

} // namespace tw::arith
