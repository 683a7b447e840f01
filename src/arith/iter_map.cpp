// SPDX-License-Identifier: Apache-2.0
#include "arith/iter_map.h"

#include <algorithm>
#include <deque>

namespace tw::arith {
namespace {

struct Source;
// scale * ((source // lower) % extent)
struct Piece {
  Source* source;
  Ref<Expr> lower, extent, scale;
};
// A variable, or pieces fused to one number that is split again.
struct Source {
  Opt<Var> var;
  std::vector<Piece> fused; // the largest scale first
  Ref<Expr> extent;
  std::vector<Piece> uses; // how it is split, over all results
};

class Parser {
public:
  Parser(const std::vector<Axis>& axes, Analyzer& analyzer) : analyzer_(analyzer) {
    for (const Axis& axis : axes) {
      sources_.push_back({.var = axis.var, .extent = axis.extent});
      if (!is_int(axis.extent, 1)) analyzer_.bind(axis.var, imm(0), axis.extent);
    }
  }
  std::deque<Source>& sources() { return sources_; }

  // The pieces of a result, fitted together: the scales are 1, the last extent, the product of the last two …
  std::optional<std::vector<Piece>> compact(const Ref<Expr>& e, bool top) {
    std::vector<Piece> pieces;
    if (!terms(analyzer_.simplify(e), imm(1), pieces)) return {};
    std::vector<Piece> ordered;
    Ref<Expr> scale = imm(1);
    while (!pieces.empty()) {
      auto next = std::find_if(pieces.begin(), pieces.end(), [&](const Piece& p) { return analyzer_.prove_equal(p.scale, scale); });
      if (next == pieces.end()) return {};
      scale = analyzer_.simplify(scale * next->extent);
      ordered.insert(ordered.begin(), *next);
      pieces.erase(next);
    }
    if (top)
      for (const Piece& p : ordered) p.source->uses.push_back(p);
    return ordered;
  }
  Ref<Expr> extent_of(const std::vector<Piece>& pieces) {
    Ref<Expr> out = imm(1);
    for (const Piece& p : pieces) out = out * p.extent;
    return analyzer_.simplify(out);
  }
  // Do the uses of each source cover all its digits once? `padded` is set where they hold more than the source's extent.
  bool complete(bool& padded) {
    for (Source& source : sources_) {
      if (is_int(source.extent, 1) && source.uses.empty()) continue;
      std::vector<Piece> left = source.uses, ordered;
      Ref<Expr> lower = imm(1);
      while (!left.empty()) {
        auto next = std::find_if(left.begin(), left.end(), [&](const Piece& p) { return analyzer_.prove_equal(p.lower, lower); });
        if (next == left.end()) return false;
        lower = analyzer_.simplify(lower * next->extent);
        ordered.push_back(*next);
        left.erase(next);
      }
      source.uses = ordered;
      if (analyzer_.prove_equal(lower, source.extent)) continue;
      if (!analyzer_.prove(lower >= source.extent)) return false;
      padded = true;
    }
    return true;
  }

private:
  // Adds the pieces of factor * e.
  bool terms(const Ref<Expr>& e, const Ref<Expr>& factor, std::vector<Piece>& out) {
    if (is_int(e, 0)) return true;
    if (const auto* b = as<Binary>(e)) {
      if (b->op == BinaryOp::add) return terms(b->a, factor, out) && terms(b->b, factor, out);
      if (b->op == BinaryOp::mul) {
        for (auto [x, y] : {std::pair(b->a, b->b), std::pair(b->b, b->a)})
          if (!mentions(y.node())) return terms(x, analyzer_.simplify(factor * y), out);
        return false;
      }
    }
    auto p = piece(e);
    if (!p) return false;
    if (is_int(p->extent, 1)) return true;
    p->scale = factor;
    out.push_back(*p);
    return true;
  }

  std::optional<Piece> piece(const Ref<Expr>& e) {
    if (Source* s = find(e.node())) return Piece{.source = s, .lower = imm(1), .extent = s->extent, .scale = imm(1)};
    const auto* b = as<Binary>(e);
    if (!b || (b->op != BinaryOp::floordiv && b->op != BinaryOp::floormod) || mentions(b->b.node())) return {};
    auto inner = piece(b->a);
    if (!inner) inner = fuse(b->a);
    if (!inner || !analyzer_.prove(b->b > imm(0))) return {};
    if (b->op == BinaryOp::floordiv) {
      inner->lower = analyzer_.simplify(inner->lower * b->b);
      inner->extent = analyzer_.simplify(ceildiv(inner->extent, b->b));
    } else {
      // A remainder that does not divide the extent would leave a digit that depends on the one above.
      if (!analyzer_.prove_equal(floormod(inner->extent, b->b), imm(0)) && !is_whole(*inner)) return {};
      inner->extent = b->b;
    }
    return inner;
  }
  // The piece is all of its source from `lower` up.
  bool is_whole(const Piece& p) { return analyzer_.prove(p.lower * p.extent >= p.source->extent); }

  std::optional<Piece> fuse(const Ref<Expr>& e) {
    for (auto& [expr, source] : fused_)
      if (equal(expr, e)) return Piece{.source = source, .lower = imm(1), .extent = source->extent, .scale = imm(1)};
    auto pieces = compact(e, true);
    if (!pieces || pieces->empty()) return {};
    sources_.push_back({.fused = *pieces, .extent = extent_of(*pieces)});
    fused_.emplace_back(e, &sources_.back());
    return Piece{.source = &sources_.back(), .lower = imm(1), .extent = sources_.back().extent, .scale = imm(1)};
  }

  Source* find(const Node* e) {
    for (Source& s : sources_)
      if (s.var && s.var.same_as(e)) return &s;
    return nullptr;
  }
  bool mentions(const Node* e) {
    for (Source& s : sources_)
      if (s.var && uses(e, s.var.node())) return true;
    return false;
  }

  Analyzer& analyzer_;
  std::deque<Source> sources_;
  std::vector<std::pair<Ref<Expr>, Source*>> fused_;
};

void conjuncts(const Ref<Expr>& e, std::vector<Ref<Expr>>& out) {
  const auto* b = as<Binary>(e);
  if (!b || b->op != BinaryOp::logical_and) return out.push_back(e);
  conjuncts(b->a, out);
  conjuncts(b->b, out);
}

} // namespace

bool is_bijection(const std::vector<Axis>& axes, const List<Ref<Expr>>& values, const List<Ref<Expr>>& extents, const Opt<Expr>& where,
                  Analyzer& analyzer) {
  Parser parser(axes, analyzer);
  std::vector<Ref<Expr>> conditions;
  if (where) conjuncts(as_ref<Expr>(where), conditions);
  std::vector<bool> used(conditions.size());
  for (size_t i = 0; i < values.size(); ++i) {
    auto pieces = parser.compact(values[i], true);
    if (!pieces) return false;
    Ref<Expr> size = parser.extent_of(*pieces);
    bool cut = false;
    for (size_t k = 0; k < conditions.size(); ++k)
      if (equal(analyzer.simplify(conditions[k]), analyzer.simplify(values[i] < extents[i]))) cut = used[k] = true;
    if (!analyzer.prove_equal(size, extents[i]) && !(cut && analyzer.prove(size >= extents[i]))) return false;
  }
  for (size_t k = 0; k < conditions.size(); ++k)
    if (!used[k] && !analyzer.prove(conditions[k])) return false;
  bool padded = false;
  return parser.complete(padded) && !padded;
}

bool is_injective(const std::vector<Axis>& axes, const List<Ref<Expr>>& values, Analyzer& analyzer) {
  Parser parser(axes, analyzer);
  Substitution origin;
  for (const Axis& axis : axes) origin.emplace(axis.var.node(), imm(0));
  for (const auto& value : values)
    if (!parser.compact(value - substitute(value, origin), true)) return false;
  bool padded = false;
  return parser.complete(padded);
}

std::optional<Inverse> invert(const Ref<Lambda>& map, const List<Ref<Expr>>& extents, Analyzer& analyzer) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < extents.size(); ++i) axes.push_back({map->params[i], extents[i]});
  Parser parser(axes, analyzer);
  std::vector<Ref<Var>> outputs;
  std::vector<Ref<Expr>> sizes;
  // What each piece is, in terms of the results.
  struct Known {
    Piece piece;
    Ref<Expr> value;
  };
  std::vector<Known> known;
  auto take_apart = [&](const std::vector<Piece>& pieces, const Ref<Expr>& whole) {
    for (size_t k = 0; k < pieces.size(); ++k) {
      Ref<Expr> digit = floordiv(whole, pieces[k].scale);
      known.push_back({pieces[k], k == 0 ? digit : floormod(digit, pieces[k].extent)});
    }
  };
  for (size_t i = 0; i < map->results.size(); ++i) {
    auto pieces = parser.compact(map->results[i], true);
    if (!pieces) return {};
    Ref<Expr> size = parser.extent_of(*pieces);
    Ref<Var> out = var(fmt::format("y{}", i));
    analyzer.bind(out, imm(0), size);
    outputs.push_back(out);
    sizes.push_back(size);
    take_apart(*pieces, out);
  }
  Inverse inverse{.map = make(Lambda{}), .extents = sizes};
  if (!parser.complete(inverse.padded)) return {};
  auto value_of = [&](const Source& s) {
    Ref<Expr> sum = imm(0);
    for (const Piece& use : s.uses)
      for (const Known& k : known)
        if (k.piece.source == &s && equal(k.piece.lower, use.lower)) sum = sum + k.value * use.lower;
    return analyzer.simplify(sum);
  };
  // Fused sources were found after their parts, from the outside in: the later ones are split into the earlier.
  auto& sources = parser.sources();
  for (size_t i = sources.size(); i-- > extents.size();) take_apart(sources[i].fused, value_of(sources[i]));
  std::vector<Ref<Expr>> results;
  for (size_t i = 0; i < extents.size(); ++i) results.push_back(value_of(sources[i]));
  inverse.map = make(Lambda{.params = outputs, .results = results});
  return inverse;
}

List<Ref<Expr>> apply(const Ref<Lambda>& map, const List<Ref<Expr>>& arguments, Analyzer& analyzer) {
  TW_CHECK(map->params.size() == arguments.size(), "a map of {} parameters applied to {}", map->params.size(), arguments.size());
  Substitution values;
  for (size_t i = 0; i < arguments.size(); ++i) values.emplace(map->params[i].node(), arguments[i]);
  std::vector<Ref<Expr>> out;
  for (const auto& r : map->results) out.push_back(analyzer.simplify(substitute(r, values)));
  return out;
}

Ref<Lambda> compose(const Ref<Lambda>& outer, const Ref<Lambda>& inner, Analyzer& analyzer) {
  Ref<Lambda> first = renew(inner);
  return make(Lambda{.params = first->params, .results = apply(outer, first->results, analyzer)});
}

} // namespace tw::arith
