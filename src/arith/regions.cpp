// SPDX-License-Identifier: Apache-2.0
#include "arith/regions.h"

#include "ir/visit.h"

#include <algorithm>

namespace tw::arith {
namespace {

class Spanner {
public:
  Spanner(const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent, Analyzer& analyzer)
      : var_(v), lowest_(begin), highest_(analyzer.simplify(begin + extent - 1)), analyzer_(analyzer) {}

  Span of(const Ref<Expr>& e) {
    if (auto found = memo_.find(e.node()); found != memo_.end()) return found->second;
    Span s = compute(e);
    memo_.emplace(e.node(), s);
    return s;
  }

private:
  static Opt<Expr> both(const Opt<Expr>& a, const Opt<Expr>& b, BinaryOp op) {
    return a && b ? Opt<Expr>(binary(op, as_ref<Expr>(a), as_ref<Expr>(b))) : Opt<Expr>();
  }
  Span compute(const Ref<Expr>& e) {
    if (var_.same_as(e)) return {lowest_, highest_};
    if (!uses(e.node(), var_.node())) return {e, e};
    if (auto a = affine(e, {var_}, analyzer_)) {
      Ref<Expr> c = a->coefficients[0];
      if (analyzer_.prove(c >= nothing(c))) return {c * lowest_ + a->rest, c * highest_ + a->rest};
      if (analyzer_.prove(c <= nothing(c))) return {c * highest_ + a->rest, c * lowest_ + a->rest};
    }
    if (const auto* x = as<Select>(e)) {
      Span a = of(x->a), b = of(x->b);
      return {both(a.lowest, b.lowest, BinaryOp::min), both(a.highest, b.highest, BinaryOp::max)};
    }
    if (const auto* x = as<Cast>(e)) {
      Bounds b = analyzer_.bounds(x->value);
      if (!x->to.is_int() || !x->value->dtype.is_int() || x->value->dtype == u64) return {};
      if (x->to.bits < 64 && (b.min < min_value(x->to) || b.max > max_value(x->to))) return {};
      Span s = of(x->value);
      if (s.lowest) s.lowest = cast(x->to, as_ref<Expr>(s.lowest));
      if (s.highest) s.highest = cast(x->to, as_ref<Expr>(s.highest));
      return s;
    }
    const auto* x = as<Binary>(e);
    if (!x) return by_bounds(e);
    Span a = of(x->a), b = of(x->b);
    switch (x->op) {
    case BinaryOp::add:
    case BinaryOp::min:
    case BinaryOp::max: return {both(a.lowest, b.lowest, x->op), both(a.highest, b.highest, x->op)};
    case BinaryOp::sub: return {both(a.lowest, b.highest, x->op), both(a.highest, b.lowest, x->op)};
    case BinaryOp::mul: {
      if (uses(x->a.node(), var_.node()) && uses(x->b.node(), var_.node())) return by_bounds(e);
      auto [moving, factor] = uses(x->a.node(), var_.node()) ? std::pair(a, x->b) : std::pair(b, x->a);
      if (analyzer_.prove(factor >= nothing(factor))) return {both(moving.lowest, factor, x->op), both(moving.highest, factor, x->op)};
      if (analyzer_.prove(factor <= nothing(factor))) return {both(moving.highest, factor, x->op), both(moving.lowest, factor, x->op)};
      return by_bounds(e);
    }
    case BinaryOp::floordiv:
      if (uses(x->b.node(), var_.node()) || !analyzer_.prove(x->b > nothing(x->b))) return by_bounds(e);
      return {both(a.lowest, x->b, x->op), both(a.highest, x->b, x->op)};
    case BinaryOp::floormod: {
      if (uses(x->b.node(), var_.node()) || !analyzer_.prove(x->b > nothing(x->b))) return by_bounds(e);
      Opt<Expr> first = both(a.lowest, x->b, BinaryOp::floordiv), last = both(a.highest, x->b, BinaryOp::floordiv);
      if (first && last && analyzer_.prove_equal(as_ref<Expr>(first), as_ref<Expr>(last)))
        return {both(a.lowest, x->b, x->op), both(a.highest, x->b, x->op)};
      return {Opt<Expr>(imm(0, e->dtype)), Opt<Expr>(x->b - 1)};
    }
    default: return by_bounds(e);
    }
  }
  Span by_bounds(const Ref<Expr>& e) {
    if (!e->dtype.is_int()) return {};
    Bounds b = analyzer_.bounds(e);
    Span s;
    if (b.min != std::numeric_limits<int64_t>::min()) s.lowest = imm(b.min, e->dtype);
    if (b.max != std::numeric_limits<int64_t>::max()) s.highest = imm(b.max, e->dtype);
    return s;
  }
  static Ref<Expr> nothing(const Ref<Expr>& like) { return imm(0, like->dtype); }

  Ref<Var> var_;
  Ref<Expr> lowest_, highest_;
  Analyzer& analyzer_;
  std::unordered_map<const Node*, Span> memo_;
};

class Walker {
public:
  explicit Walker(Analyzer& analyzer) : analyzer_(analyzer) {}
  Touched result;

  void statement(const Node* n) {
    if (const auto* x = as<For>(n)) {
      expressions(x->begin, x->extent);
      loop(x->var, x->begin, x->extent, [&] { statement(x->body.node()); });
    } else if (const auto* x = as<Block>(n)) {
      block(*x);
    } else if (const auto* x = as<Store>(n)) {
      expressions(x->value, x->mask);
      for (const auto& i : x->index) expression(i.node());
      touch(result.writes, x->buffer, x->index);
    } else if (const auto* x = as<Allocate>(n)) {
      local_.push_back(x->buffer.node());
      statement(x->body.node());
    } else if (const auto* x = as<Let>(n)) {
      expression(x->value.node());
      analyzer_.bind_value(x->var, x->value);
      frames_.push_back({.var = x->var, .value = x->value});
      statement(x->body.node());
      frames_.pop_back();
    } else if (const auto* x = as<RegisterTile>(n)) {
      tile(*x);
    } else {
      // Sequences, conditions, evaluations: whatever they hold.
      for_children(n, [&](const Node* c) { as<Stmt>(c) ? statement(c) : expression(c); });
    }
  }
  void body_of(const Block& b) {
    if (b.init) statement(b.init.node());
    if (b.where) expression(b.where.node());
    statement(b.body.node());
  }

private:
  struct Frame {
    Ref<Var> var;
    Opt<Expr> begin, extent, value; // a loop, or a name for a value
  };

  template <class... T> void expressions(const T&... e) { (expression(e.node()), ...); }
  void expression(const Node* n) {
    if (!n) return;
    visit(
        n, [&](const Load& load) { touch(result.reads, load.buffer, load.index); }, [](const Buffer&, Walk) {});
  }
  template <class F> void loop(const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent, F&& body) {
    auto inside = analyzer_.scope();
    analyzer_.bind(v, begin, extent);
    frames_.push_back({.var = v, .begin = begin, .extent = extent});
    body();
    frames_.pop_back();
  }
  void block(const Block& b) {
    for (const auto& iter : b.iters) {
      expression(iter->value.node());
      analyzer_.bind(iter->var, imm(0, iter->value->dtype), iter->extent);
      frames_.push_back({.var = iter->var, .value = iter->value});
    }
    body_of(b);
    for (size_t i = 0; i < b.iters.size(); ++i) frames_.pop_back();
  }
  void axes(const List<Ref<TileAxis>>& list, size_t at, FunctionRef<void()> body) {
    if (at == list.size()) return body();
    loop(list[at]->var, imm(0), list[at]->extent, [&] { axes(list, at + 1, body); });
  }
  void tile(const RegisterTile& t) {
    std::vector<Ref<TileAxis>> plane = t.rows.vector();
    plane.push_back(t.columns ? make(TileAxis{.extent = as_ref<Expr>(t.columns), .var = t.column->var}) : t.column);
    axes(plane, 0, [&] {
      expression(t.init.node());
      axes(t.reduce, 0, [&] { expression(t.value.node()); });
      statement(t.body.node());
    });
  }

  // Takes the loops away from the innermost outwards.
  Span span(const Ref<Expr>& e) {
    Span s{e, e};
    for (size_t i = frames_.size(); i-- > 0;) {
      const Frame& f = frames_[i];
      auto take = [&](const Opt<Expr>& end, bool low) -> Opt<Expr> {
        if (!end) return {};
        Ref<Expr> x = as_ref<Expr>(end);
        if (f.value) return substitute(x, Substitution{{f.var.node(), f.value}});
        Span inner = span_over(x, f.var, as_ref<Expr>(f.begin), as_ref<Expr>(f.extent), analyzer_);
        return low ? inner.lowest : inner.highest;
      };
      s.lowest = take(s.lowest, true);
      s.highest = take(s.highest, false);
    }
    return s;
  }
  void touch(std::vector<Ref<Region>>& list, const Ref<Buffer>& buffer, const List<Ref<Expr>>& index) {
    if (std::find(local_.begin(), local_.end(), buffer.node()) != local_.end()) return;
    std::vector<Ref<Expr>> begin, extent;
    for (size_t d = 0; d < index.size(); ++d) {
      // An index that is read from memory may be read again when the memory has changed.
      bool reads = false;
      visit(index[d], [&](const Load&) { reads = true; });
      Span s = index[d]->dtype.lanes == 1 && !reads ? span(index[d]) : Span{};
      Ref<Expr> first = s.lowest ? as_ref<Expr>(s.lowest) : imm(0);
      Ref<Expr> last = s.highest ? as_ref<Expr>(s.highest) : buffer->shape[d] - 1;
      // Narrow indices address the same elements.
      first = cast(i64, first);
      last = cast(i64, last);
      begin.push_back(analyzer_.simplify(first));
      extent.push_back(analyzer_.simplify(last - first + 1));
    }
    Ref<Region> region = make(Region{.buffer = buffer, .begin = begin, .extent = extent});
    for (Ref<Region>& known : list)
      if (known->buffer.same_as(buffer)) {
        known = unite(known, region, analyzer_);
        return;
      }
    list.push_back(region);
  }

  Analyzer& analyzer_;
  std::vector<Frame> frames_;
  std::vector<const Node*> local_;
};

Ref<Expr> end_of(const Ref<Region>& r, size_t d) { return r->begin[d] + r->extent[d]; }

} // namespace

Span span_over(const Ref<Expr>& e, const Ref<Var>& v, const Ref<Expr>& begin, const Ref<Expr>& extent, Analyzer& analyzer) {
  if (!uses(e.node(), v.node())) return {e, e};
  Span s = Spanner(v, begin, extent, analyzer).of(analyzer.simplify(e));
  if (s.lowest) s.lowest = analyzer.simplify(as_ref<Expr>(s.lowest));
  if (s.highest) s.highest = analyzer.simplify(as_ref<Expr>(s.highest));
  return s;
}

Touched touched_by(const Ref<Stmt>& s, Analyzer& analyzer) {
  Walker walker(analyzer);
  walker.statement(s.node());
  return std::move(walker.result);
}
Touched touched_by_block(const Block& block, Analyzer& analyzer) {
  for (const auto& iter : block.iters) analyzer.bind(iter->var, imm(0, iter->value->dtype), iter->extent);
  Walker walker(analyzer);
  walker.body_of(block);
  return std::move(walker.result);
}

Opt<Region> find_region(const std::vector<Ref<Region>>& regions, const Ref<Buffer>& buffer) {
  for (const auto& r : regions)
    if (r->buffer.same_as(buffer)) return r;
  return {};
}
Ref<Region> whole(const Ref<Buffer>& buffer) {
  return make(Region{.buffer = buffer, .begin = std::vector<Ref<Expr>>(buffer->shape.size(), imm(0)), .extent = buffer->shape});
}
Ref<Region> unite(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer) {
  std::vector<Ref<Expr>> begin, extent;
  for (size_t d = 0; d < a->begin.size(); ++d) {
    Ref<Expr> first = analyzer.simplify(min(a->begin[d], b->begin[d]));
    begin.push_back(first);
    extent.push_back(analyzer.simplify(max(end_of(a, d), end_of(b, d)) - first));
  }
  return make(Region{.buffer = a->buffer, .begin = begin, .extent = extent});
}
Ref<Region> clip(const Ref<Region>& a, Analyzer& analyzer) {
  std::vector<Ref<Expr>> begin, extent;
  for (size_t d = 0; d < a->begin.size(); ++d) {
    Ref<Expr> first = analyzer.simplify(max(a->begin[d], imm(0)));
    begin.push_back(first);
    extent.push_back(analyzer.simplify(min(end_of(a, d), a->buffer->shape[d]) - first));
  }
  return make(Region{.buffer = a->buffer, .begin = begin, .extent = extent});
}
bool covers(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer) {
  if (!a->buffer.same_as(b->buffer)) return false;
  for (size_t d = 0; d < a->begin.size(); ++d)
    if (!analyzer.prove(a->begin[d] <= b->begin[d]) || !analyzer.prove(end_of(b, d) <= end_of(a, d))) return false;
  return true;
}
bool disjoint(const Ref<Region>& a, const Ref<Region>& b, Analyzer& analyzer) {
  if (!a->buffer.same_as(b->buffer)) return true;
  for (size_t d = 0; d < a->begin.size(); ++d)
    if (analyzer.prove(end_of(a, d) <= b->begin[d]) || analyzer.prove(end_of(b, d) <= a->begin[d])) return true;
  return false;
}

} // namespace tw::arith
