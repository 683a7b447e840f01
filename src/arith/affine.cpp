// SPDX-License-Identifier: Apache-2.0
// Decomposition of an index into coefficients of chosen variables.
#include "arith/analyzer.h"

namespace tw::arith {
namespace {

// A product as its factors.
void factors_of(const Ref<Expr>& e, std::vector<Ref<Expr>>& out) {
  const auto* b = as<Binary>(e);
  if (!b || b->op != BinaryOp::mul) return out.push_back(e);
  factors_of(b->a, out);
  factors_of(b->b, out);
}

struct Collector {
  const std::vector<Ref<Var>>& vars;
  Affine& out;

  std::optional<size_t> index_of(const Node* e) const {
    for (size_t i = 0; i < vars.size(); ++i)
      if (vars[i].same_as(e)) return i;
    return {};
  }
  bool mentions(const Node* e) const {
    for (const auto& v : vars)
      if (uses(e, v.node())) return true;
    return false;
  }
  // Adds sign * e.
  bool add(const Ref<Expr>& e, bool negative) {
    if (const auto* b = as<Binary>(e)) {
      if (b->op == BinaryOp::add) return add(b->a, negative) && add(b->b, negative);
      if (b->op == BinaryOp::sub) return add(b->a, negative) && add(b->b, !negative);
    }
    if (const auto* u = as<Unary>(e); u && u->op == UnaryOp::neg) return add(u->a, !negative);
    std::vector<Ref<Expr>> factors;
    factors_of(e, factors);
    std::optional<size_t> variable;
    Ref<Expr> rest = imm(1, e->dtype);
    for (const Ref<Expr>& f : factors) {
      if (auto i = index_of(f.node())) {
        if (variable) return false;
        variable = i;
      } else if (mentions(f.node())) {
        return false;
      } else {
        rest = rest * f;
      }
    }
    Ref<Expr>& target = variable ? out.coefficients[*variable] : out.rest;
    target = negative ? target - rest : target + rest;
    return true;
  }
};

} // namespace

std::optional<Affine> affine(const Ref<Expr>& e, const std::vector<Ref<Var>>& vars, Analyzer& analyzer) {
  Ref<Expr> zero = imm(0, e->dtype);
  Affine out{.coefficients = std::vector<Ref<Expr>>(vars.size(), zero), .rest = zero};
  Collector collector{vars, out};
  if (!collector.add(analyzer.simplify(e), false)) return {};
  for (auto& c : out.coefficients) c = analyzer.simplify(c);
  out.rest = analyzer.simplify(out.rest);
  return out;
}

} // namespace tw::arith
