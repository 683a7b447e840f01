// SPDX-License-Identifier: Apache-2.0
// Code of one loop iteration turned into code of several at once: the loop variable becomes a ramp, and what depends on it a vector.
// Contract: buffers are one-dimensional (after flatten), so that the only index may become a vector.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

class Vectoriser {
public:
  // v runs over base, base + 1, … base + lanes - 1. The analyzer's facts help to keep divisions scalar.
  Vectoriser(const Ref<Var>& v, const Ref<Expr>& base, int lanes, Analyzer& analyzer);

  // A variable that holds a vector.
  void bind(const Ref<Var>& v, const Ref<Expr>& vector) { memo_.insert_or_assign(v.node(), vector); }
  // A vector of `lanes`, or a scalar if e does not depend on v.
  Ref<Expr> expression(const Ref<Expr>& e);
  // Always a vector.
  Ref<Expr> widened(const Ref<Expr>& e);
  // Empty if a lane would need control flow of its own (a loop whose extent, or a condition around a loop, depends on v).
  Opt<Stmt> statement(const Ref<Stmt>& s);

private:
  Ref<Expr> binary(const Binary& e);
  Ref<Expr> quotient(const Ref<Expr>& a, const Ref<Expr>& b, bool remainder);
  Ref<Expr> compute(const Ref<Expr>& e);
  Opt<Stmt> reduction(const Store& s, const Ref<Expr>& index, const Opt<Expr>& mask);
  Opt<Expr> mask_with(const Opt<Expr>& own);

  Ref<Var> variable_;
  Ref<Expr> base_;
  int lanes_;
  Analyzer& analyzer_;
  std::unordered_map<const Node*, Ref<Expr>> memo_;
  std::vector<Ref<Expr>> masks_; // vector conditions around the statement
};

} // namespace tw::arith
