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

} // namespace

Opt<Stmt> transposed_block(const For& outer, Analyzer& analyzer) {
  const auto* inner = as<For>(outer.body);
  const auto* store = inner && inner->how == ForKind::vectorised ? as<Store>(inner->body) : nullptr;
  auto n = as_int(outer.extent);
  if (!store || store->mask || !n || *n < 2 || !is_int(inner->extent, *n) || !std::has_single_bit(static_cast<uint64_t>(*n))) return {};
  if (uses(inner->begin.node(), outer.var.node())) return {};
  auto at = [](const Ref<Expr>& e, const Ref<Var>& v, const Ref<Expr>& begin, int64_t i) {
    return substitute(e, Substitution{{v.node(), simplify(begin + i)}});
  };
  std::vector<Ref<Var>> held;
  std::vector<Ref<Expr>> values;
  auto hold = [&](const Ref<Expr>& value) {
    held.push_back(make(Var{.id = "row", .type = value->dtype}));
    values.push_back(value);
    return held.back();
  };
  std::vector<Ref<Expr>> rows;
  for (int64_t i = 0; i < *n; ++i) {
    Vectoriser vectoriser(outer.var, outer.begin, static_cast<int>(*n), analyzer);
    rows.push_back(hold(vectoriser.widened(at(store->value, inner->var, inner->begin, i))));
  }
  for (int64_t half = *n / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < *n; ++i) {
      if (i & half) continue;
      auto a = rows[static_cast<size_t>(i)], b = rows[static_cast<size_t>(i + half)];
      rows[static_cast<size_t>(i)] = hold(exchanged(a, b, *n, half, false));
      rows[static_cast<size_t>(i + half)] = hold(exchanged(a, b, *n, half, true));
    }
  std::vector<Ref<Stmt>> stores;
  for (int64_t i = 0; i < *n; ++i) {
    Vectoriser vectoriser(inner->var, inner->begin, static_cast<int>(*n), analyzer);
    Ref<Expr> index = vectoriser.widened(at(store->index[0], outer.var, outer.begin, i));
    stores.push_back(make(Store{.buffer = store->buffer, .index = {index}, .value = rows[static_cast<size_t>(i)]}));
  }
  Ref<Stmt> body = seq(std::move(stores));
  for (size_t i = held.size(); i-- > 0;) body = make(Let{.value = values[i], .var = held[i], .body = body});
  return body;
}

} // namespace tw::arith
