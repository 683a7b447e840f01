// SPDX-License-Identifier: Apache-2.0
// A number of the cost model that may depend on sizes which only the run knows: what it is when each unknown extent counts as 64, and, as
// far as it depends on sizes, the expression that a module evaluates when it knows them.
#pragma once

#include "ir/build.h"

namespace tw::compile {

class Amount {
public:
  static constexpr double unknown_extent = 64;

  Amount(double value) : typical_(value) {}
  // `exact`: f64, over whatever variables its reader knows.
  Amount(double typical, Opt<Expr> exact) : typical_(typical), exact_(std::move(exact)) {}
  // An integer expression.
  static Amount of(const Ref<Expr>& size) {
    if (auto known = as_int(size)) return static_cast<double>(*known);
    return {unknown_extent, cast(f64, size)};
  }

  double typical() const { return typical_; }
  // Empty: a plain number.
  const Opt<Expr>& exact() const { return exact_; }
  Ref<Expr> expression() const { return exact_ ? as_ref<Expr>(exact_) : literal(typical_, f64); }

  friend Amount operator+(const Amount& a, const Amount& b) { return join(BinaryOp::add, a, b, a.typical_ + b.typical_); }
  friend Amount operator-(const Amount& a, const Amount& b) { return join(BinaryOp::sub, a, b, a.typical_ - b.typical_); }
  friend Amount operator*(const Amount& a, const Amount& b) { return join(BinaryOp::mul, a, b, a.typical_ * b.typical_); }
  friend Amount operator/(const Amount& a, double b) { return a * (1 / b); }
  friend Amount operator/(const Amount& a, const Amount& b) { return join(BinaryOp::div, a, b, a.typical_ / b.typical_); }
  friend Amount min(const Amount& a, const Amount& b) { return join(BinaryOp::min, a, b, std::min(a.typical_, b.typical_)); }
  friend Amount max(const Amount& a, const Amount& b) { return join(BinaryOp::max, a, b, std::max(a.typical_, b.typical_)); }
  // `then` where a is at most so much, else `otherwise`.
  friend Amount if_at_most(const Amount& a, double limit, const Amount& then, const Amount& otherwise) {
    const double typical = a.typical_ <= limit ? then.typical_ : otherwise.typical_;
    if (!a.exact_) return a.typical_ <= limit ? then : otherwise;
    return {typical, select(a.expression() <= literal(limit, f64), then.expression(), otherwise.expression())};
  }
  Amount& operator+=(const Amount& b) { return *this = *this + b; }
  Amount& operator*=(const Amount& b) { return *this = *this * b; }

private:
  static Amount join(BinaryOp op, const Amount& a, const Amount& b, double typical) {
    if (!a.exact_ && !b.exact_) return typical;
    return {typical, binary(op, a.expression(), b.expression())};
  }

  double typical_;
  Opt<Expr> exact_;
};

} // namespace tw::compile
