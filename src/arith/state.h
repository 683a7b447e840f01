// SPDX-License-Identifier: Apache-2.0
// What an Analyzer knows and how it thinks. One struct, its methods grouped by file:
//
//   analyzer.cpp   facts: ranges, values, conditions
//   simplify.cpp   expressions to sums and atoms; the tables of rules.h
//   divide.cpp     floor division and remainder of sums
//   compare.cpp    comparisons, minimum and maximum of sums
//   bounds.cpp     intervals and divisibility
//   prove.cpp      is a sum never negative
#pragma once

#include "arith/terms.h"

namespace tw::arith {

struct Analyzer::State {
  // ---- facts
  struct Range {
    Ref<Expr> begin, end; // begin <= v < end
  };
  std::unordered_map<const Node*, std::pair<Ref<Expr>, Bounds>> ranges; // narrower than what the variable says itself
  std::unordered_map<const Node*, std::pair<Ref<Expr>, Range>> symbolic;
  std::unordered_map<const Node*, std::pair<Ref<Expr>, Ref<Expr>>> values;
  std::vector<Sum> nonnegative;     // assumed >= 0
  std::vector<const Atom*> assumed; // conditions that hold
  // Where a fact changes what was already concluded, the conclusions are forgotten.
  uint64_t generation = 1, last_generation = 1;
  void forget();

  // ---- conclusions, by input node; the key is kept alive
  struct Entry {
    Ref<Expr> key;
    std::optional<Sum> sum;
    const Atom* atom = nullptr;
  };
  std::unordered_map<const Node*, Entry> memo;
  Terms terms;
  // Applications of rules and steps of proofs that the current call may still make.
  int budget = 0;

  // ---- simplify.cpp
  // Of a scalar integer expression.
  Sum sum(const Node* e);
  const Atom* atom(const Node* e);
  Sum compute_sum(const Node* e);
  const Atom* compute_atom(const Node* e);
  Sum settle(Sum s); // wraps, decides `exact`, joins quotients with their remainders
  Sum join_remainders(Sum s);
  bool join_congruent(Sum& s, const Term& t, const Sum& x, int64_t c);
  Sum opaque(const Atom* a); // an atom, or the only value it can have
  bool fits(const Sum& s);
  const Atom* apply_rules(const Atom* a);
  const Atom* truth(bool value) { return terms.intern(imm(value, boolean)); }

  // ---- divide.cpp. Contract: both exact.
  std::optional<Sum> divide(const Sum& a, const Sum& b);
  std::optional<Sum> remainder(const Sum& a, const Sum& b);

  // ---- compare.cpp
  Sum extremum(BinaryOp op, const Sum& a, const Sum& b);
  const Atom* comparison(BinaryOp op, const Node* a, const Node* b);
  const Atom* nonnegativity(const Sum& d); // the condition d >= 0 in its simplest form
  const Atom* negation(const Atom* a);
  const Atom* logical(BinaryOp op, const Atom* a, const Atom* b);
  bool implies(const Atom* a, const Atom* b);

  // ---- bounds.cpp
  Bounds bounds(const Sum& s);
  Bounds product_bounds(const Atom* product); // of the factors multiplied without wrapping
  Bounds plain_bounds(const Sum& s);          // each term on its own
  Bounds bounds(const Atom* a);
  Bounds compute_bounds(const Atom* a);
  int64_t multiple(const Sum& s); // 0: the sum is zero
  int64_t multiple(const Atom* a);
  int64_t compute_multiple(const Atom* a);
  // The sum of an atom that came out of emit or intern.
  Sum sum_of(const Atom* a) { return sum(a->expr.node()); }

  // ---- prove.cpp
  bool never_negative(const Sum& d, int depth = 6);
  bool always(const Atom* condition, int depth = 3);
  bool positive(const Sum& s) { return s.exact && never_negative(shift(s, -1)); }
  // Adds what follows from the condition; `nonnegative` and `assumed` are cut back by the caller.
  void learn(const Atom* condition);
};

inline bool is_scalar_int(const Node* e) {
  const auto* x = as<Expr>(e);
  return x && x->dtype.is_int() && x->dtype.lanes == 1;
}

} // namespace tw::arith
