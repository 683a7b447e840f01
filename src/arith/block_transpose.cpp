// SPDX-License-Identifier: Apache-2.0
#include "arith/block_transpose.h"

#include "arith/vectorise.h"
#include "ir/build.h"
#include "ir/visit.h"

#include <bit>

namespace tw::arith {
namespace {

// Lanes of two rows that are `half` apart change places: each exchange halves the part of the square that is not yet turned.
Ref<Expr> exchanged(const Ref<Expr>& a, const Ref<Expr>& b, int64_t n, int64_t half, bool second) {
  std::vector<int64_t> lanes;
  for (int64_t lane = 0; lane < n; ++lane) {
    int64_t from_a = second ? lane + half : lane, from_b = n + (second ? lane : lane - half);
    lanes.push_back(lane & half ? from_b : from_a);
  }
  return make(Shuffle{.vectors = {a, b}, .indices = List<int64_t>(std::move(lanes))});
}

Ref<Expr> at(const Ref<Expr>& e, const Ref<Var>& v, const Ref<Expr>& begin, int64_t i) {
  return substitute(e, Substitution{{v.node(), simplify(begin + i)}});
}

// Vectors that later ones are made of.
class Held {
public:
  Ref<Expr> hold(const Ref<Expr>& value) {
    vars_.push_back(make(Var{.id = "row", .type = value->dtype}));
    values_.push_back(value);
    return vars_.back();
  }
  Ref<Stmt> around(Ref<Stmt> body) const {
    for (size_t i = vars_.size(); i-- > 0;) body = make(Let{.value = values_[i], .var = vars_[i], .body = body});
    return body;
  }

private:
  std::vector<Ref<Var>> vars_;
  std::vector<Ref<Expr>> values_;
};

struct Square {
  const For &outer, &inner;
  const Store& store;
  int64_t n, m; // iterations of the outer and the inner loop
};

// The value at each inner iteration, as a vector along the outer loop.
std::vector<Ref<Expr>> rows_of(const Square& q, Analyzer& analyzer, Held& held) {
  std::vector<Ref<Expr>> rows;
  for (int64_t i = 0; i < q.m; ++i) {
    Vectoriser vectoriser(q.outer.var, q.outer.begin, static_cast<int>(q.n), analyzer);
    rows.push_back(held.hold(vectoriser.widened(at(q.store.value, q.inner.var, q.inner.begin, i))));
  }
  return rows;
}

Ref<Stmt> turned(const Square& q, Analyzer& analyzer) {
  Held held;
  std::vector<Ref<Expr>> rows = rows_of(q, analyzer, held);
  for (int64_t half = q.n / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < q.n; ++i) {
      if (i & half) continue;
      auto a = rows[static_cast<size_t>(i)], b = rows[static_cast<size_t>(i + half)];
      rows[static_cast<size_t>(i)] = held.hold(exchanged(a, b, q.n, half, false));
      rows[static_cast<size_t>(i + half)] = held.hold(exchanged(a, b, q.n, half, true));
    }
  std::vector<Ref<Stmt>> stores;
  for (int64_t i = 0; i < q.n; ++i) {
    Vectoriser vectoriser(q.inner.var, q.inner.begin, static_cast<int>(q.n), analyzer);
    Ref<Expr> index = vectoriser.widened(at(q.store.index[0], q.outer.var, q.outer.begin, i));
    stores.push_back(make(Store{.buffer = q.store.buffer, .index = {index}, .value = rows[static_cast<size_t>(i)]}));
  }
  return held.around(seq(std::move(stores)));
}

// Element k of the result is element k / m of row k % m: each of m vectors takes from one row after the other.
Ref<Stmt> interleaved(const Square& q, Analyzer& analyzer) {
  Held held;
  std::vector<Ref<Expr>> rows = rows_of(q, analyzer, held);
  Ref<Expr> first = at(at(q.store.index[0], q.outer.var, q.outer.begin, 0), q.inner.var, q.inner.begin, 0);
  std::vector<Ref<Stmt>> stores;
  for (int64_t part = 0; part < q.m; ++part) {
    Ref<Expr> sum = rows[0];
    for (int64_t row = 1; row < q.m; ++row) {
      std::vector<int64_t> lanes;
      for (int64_t lane = 0; lane < q.n; ++lane) {
        int64_t k = part * q.n + lane, from = k % q.m;
        int64_t old = row == 1 ? k / q.m : lane; // rows before are in place already, but for the first two
        lanes.push_back(from == row ? q.n + k / q.m : from < row ? old : 0);
      }
      sum = held.hold(make(Shuffle{.vectors = {sum, rows[static_cast<size_t>(row)]}, .indices = List<int64_t>(std::move(lanes))}));
    }
    Ref<Expr> index = make(Ramp{.base = simplify(first + part * q.n), .stride = imm(1), .lanes = q.n});
    stores.push_back(make(Store{.buffer = q.store.buffer, .index = {index}, .value = sum}));
  }
  return held.around(seq(std::move(stores)));
}

} // namespace

Opt<Stmt> transposed_block(const For& outer, Analyzer& analyzer) {
  const auto* inner = as<For>(outer.body);
  const auto* store = inner && inner->how == ForKind::vectorised ? as<Store>(inner->body) : nullptr;
  auto n = as_int(outer.extent), m = inner ? as_int(inner->extent) : std::nullopt;
  if (!store || store->mask || !n || !m || *n < 2 || *m < 2 || uses(inner->begin.node(), outer.var.node())) return {};
  Square square{outer, *inner, *store, *n, *m};
  if (*n == *m && std::has_single_bit(static_cast<uint64_t>(*n))) return turned(square, analyzer);
  auto form = affine(store->index[0], {outer.var, inner->var}, analyzer);
  if (form && is_int(form->coefficients[0], *m) && is_int(form->coefficients[1], 1)) return interleaved(square, analyzer);
  return {};
}

} // namespace tw::arith
