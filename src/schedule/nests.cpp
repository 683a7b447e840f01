// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"

#include "arith/iter_map.h"
#include "ir/visit.h"

#include <algorithm>

namespace tw::schedule {

Nest nest_of(const Schedule& s, Name id) {
  Ref<Block> block = s.block(id);
  auto path = s.path(block.node());
  Nest nest{.top = block, .loops = {}, .block = block};
  for (size_t i = path.size() - 1; i-- > 0;) {
    const auto* f = as<For>(path[i]);
    if (!f) break;
    nest.loops.insert(nest.loops.begin(), ref_to(*f));
    nest.top = ref_to(*f);
  }
  return nest;
}

Substitution iteration_values(const Block& block) {
  Substitution values;
  for (const auto& iter : block.iters) values.emplace(iter->var.node(), iter->value);
  return values;
}

bool speaks_of_iterations(const Block& block, const std::vector<Ref<For>>& loops) {
  for (const auto& f : loops)
    if (uses(block.body.node(), f->var.node()) || (block.init && uses(block.init.node(), f->var.node()))) return false;
  return true;
}
bool runs_whole_reduction(const Block& block, const std::vector<Ref<For>>& loops) {
  arith::Analyzer analyzer;
  bind_loops(analyzer, loops);
  for (const auto& iter : block.iters) {
    if (iter->how == IterKind::spatial) continue;
    arith::Span span{iter->value, iter->value};
    for (size_t i = loops.size(); i-- > 0;) {
      if (!span.lowest || !span.highest) return false;
      const For& f = *loops[i];
      span = {arith::span_over(as_ref<Expr>(span.lowest), f.var, f.begin, f.extent, analyzer).lowest,
              arith::span_over(as_ref<Expr>(span.highest), f.var, f.begin, f.extent, analyzer).highest};
    }
    if (!span.lowest || !span.highest || !analyzer.prove(as_ref<Expr>(span.lowest) <= imm(0)) ||
        !analyzer.prove(as_ref<Expr>(span.highest) >= iter->extent - 1))
      return false;
  }
  return true;
}
bool runs_once(const Schedule& s, const Ref<Block>& block) {
  if (is_conditional(s, block.node())) return false;
  std::vector<arith::Axis> loops;
  std::vector<Ref<Expr>> values, extents;
  for (const auto& iter : block->iters) {
    values.push_back(iter->value);
    extents.push_back(iter->extent);
  }
  for (const auto& f : loops_around(s, block.node())) {
    if (!is_int(f->begin, 0)) return false;
    loops.push_back({f->var, f->extent});
  }
  arith::Analyzer analyzer;
  return arith::is_bijection(loops, values, extents, block->where, analyzer);
}
bool fills(const Schedule& s, const Ref<Block>& block, const Ref<Buffer>& buffer) {
  const auto* target = as<Store>(block->body);
  if (!target || !target->buffer.same_as(buffer) || target->mask) return false;
  std::vector<arith::Axis> points;
  for (const auto& iter : block->iters)
    if (iter->how == IterKind::spatial) points.push_back({iter->var, iter->extent});
  arith::Analyzer analyzer;
  return arith::is_bijection(points, target->index, buffer->shape, {}, analyzer) && runs_once(s, block);
}
bool is_visible(const Schedule& s, const Ref<Buffer>& buffer, const Node* node) {
  if (s.is_parameter(*buffer)) return true;
  for (const Node* n : s.path(node))
    if (const auto* a = as<Allocate>(n); a && a->buffer.same_as(buffer)) return true;
  return false;
}

bool stores_to(const Node* s, const Node* buffer) {
  bool found = false;
  visit(s, [&](const Store& x) { found = found || x.buffer.same_as(buffer); });
  return found;
}
bool loads_from(const Node* s, const Node* buffer) {
  bool found = false;
  visit(s, [&](const Load& x) { found = found || x.buffer.same_as(buffer); });
  return found;
}
namespace {
void add_once(std::vector<Ref<Buffer>>& list, const Ref<Buffer>& buffer) {
  for (const auto& known : list)
    if (known.same_as(buffer)) return;
  list.push_back(buffer);
}
} // namespace
std::vector<Ref<Buffer>> stored_buffers(const Node* s) {
  std::vector<Ref<Buffer>> out;
  visit(s, [&](const Store& x) { add_once(out, x.buffer); });
  return out;
}
std::vector<Ref<Buffer>> loaded_buffers(const Node* s) {
  std::vector<Ref<Buffer>> out;
  visit(s, [&](const Load& x) { add_once(out, x.buffer); });
  return out;
}
std::vector<Ref<Block>> writers_of(const Ref<Stmt>& s, const Node* buffer) {
  std::vector<Ref<Block>> out;
  visit(s, [&](const Block& b) {
    if (stores_to(&b, buffer)) out.push_back(ref_to(b));
  });
  return out;
}
std::vector<Ref<Block>> readers_of(const Ref<Stmt>& s, const Node* buffer) {
  std::vector<Ref<Block>> out;
  visit(s, [&](const Block& b) {
    if (loads_from(&b, buffer)) out.push_back(ref_to(b));
  });
  return out;
}

std::vector<Ref<Stmt>> from_to(const Schedule& s, const Node* first, const Node* last) {
  auto a = s.path(first), b = s.path(last);
  size_t fork = 0;
  while (fork < a.size() && fork < b.size() && a[fork] == b[fork]) ++fork;
  const auto* parent = fork > 0 ? as<Seq>(a[fork - 1]) : nullptr;
  if (!parent || fork == a.size() || fork == b.size()) return {};
  std::vector<Ref<Stmt>> out;
  for (const auto& part : parent->body) {
    if (out.empty() && !part.same_as(a[fork])) {
      if (part.same_as(b[fork])) return {};
      continue;
    }
    out.push_back(part);
    if (part.same_as(b[fork])) return out;
  }
  return {};
}

std::vector<Ref<For>> loops_around(const Schedule& s, const Node* node) {
  std::vector<Ref<For>> out;
  for (const Node* n : s.path(node))
    if (const auto* f = as<For>(n)) out.push_back(ref_to(*f));
  return out;
}
bool is_conditional(const Schedule& s, const Node* node, const Node* outer) {
  bool found = false;
  for (const Node* n : s.path(node)) {
    if (n == outer) found = false;
    found = found || as<If>(n) || as<While>(n);
  }
  return found;
}
void bind_loops(arith::Analyzer& analyzer, const std::vector<Ref<For>>& loops) {
  for (const auto& f : loops) analyzer.bind(f->var, f->begin, f->extent);
}

namespace {
void conjuncts(const Ref<Expr>& e, std::vector<Ref<Expr>>& out) {
  const auto* b = as<Binary>(e);
  if (!b || b->op != BinaryOp::logical_and) return out.push_back(e);
  conjuncts(b->a, out);
  conjuncts(b->b, out);
}

// What is left of the condition without the nest's loops.
Opt<Expr> without_loops(const Nest& nest, const char* primitive) {
  Opt<Expr> left;
  if (!nest.block->where) return left;
  std::vector<Ref<Expr>> parts;
  conjuncts(as_ref<Expr>(nest.block->where), parts);
  arith::Analyzer analyzer;
  bind_loops(analyzer, nest.loops);
  for (const auto& part : parts) {
    bool on_loops = false, keeps_range = false;
    for (const auto& f : nest.loops) on_loops = on_loops || uses(part.node(), f->var.node());
    for (const auto& iter : nest.block->iters)
      for (const Ref<Expr>& range : {iter->value < iter->extent, iter->value >= imm(0)})
        keeps_range = keeps_range || equal(analyzer.simplify(range), analyzer.simplify(part));
    if (keeps_range) continue;
    if (on_loops) throw schedule_error(primitive, nest.block->id, "its condition speaks of its iterations, not of the loops");
    left = left ? as_ref<Expr>(left) && part : part;
  }
  return left;
}
} // namespace

Placed nest_over(const Nest& nest, const Box& box, arith::Analyzer& analyzer, const char* primitive) {
  const Ref<Block>& original = nest.block;
  if (!speaks_of_iterations(*original, nest.loops))
    throw schedule_error(primitive, original->id, "it speaks of its iterations, not of the loops");
  Ref<Block> block = renew(with(original, &Block::where, without_loops(nest, primitive)));
  std::vector<Ref<Iter>> iters;
  std::vector<Ref<For>> loops;
  Opt<Expr> where = block->where;
  auto guard = [&](const Ref<Expr>& condition) {
    if (!analyzer.prove(condition)) where = where ? as_ref<Expr>(where) && condition : condition;
  };
  for (size_t i = 0; i < block->iters.size(); ++i) {
    const Ref<Iter>& iter = block->iters[i];
    Ref<Expr> begin = box.begin[i] ? as_ref<Expr>(box.begin[i]) : imm(0);
    Ref<Expr> extent = box.extent[i] ? as_ref<Expr>(box.extent[i]) : iter->extent;
    Ref<Expr> value = begin;
    if (!is_int(extent, 1)) {
      Ref<Var> v = var(original->iters[i]->var->id);
      analyzer.bind(v, imm(0), extent);
      loops.push_back(make(For{.begin = imm(0), .extent = extent, .var = v, .body = block}));
      value = begin + v;
    }
    guard(value >= imm(0));
    guard(value < iter->extent);
    iters.push_back(with(iter, &Iter::value, analyzer.simplify(value)));
  }
  block = with(with(block, &Block::iters, List<Ref<Iter>>(iters)), &Block::where, where);
  Ref<Stmt> whole = block;
  for (size_t i = loops.size(); i-- > 0;) whole = loops[i] = with(loops[i], &For::body, whole);
  return {.nest = whole, .loops = loops, .block = block};
}

Ref<Stmt> copy_nest(Name id, const Ref<Buffer>& to, const Ref<Buffer>& from, const Ref<Region>& region) {
  std::vector<Ref<Iter>> iters;
  std::vector<Ref<Expr>> index;
  std::vector<Ref<Var>> loops;
  for (size_t d = 0; d < to->shape.size(); ++d) {
    Ref<Var> loop = var(fmt::format("i{}", d)), v = var(fmt::format("v{}", d));
    iters.push_back(make(Iter{.value = region->begin[d] + loop, .extent = to->shape[d], .var = v}));
    index.push_back(v);
    loops.push_back(loop);
  }
  Ref<Stmt> nest = make(Block{.id = id, .iters = iters, .reads = {}, .writes = {}, .body = store(to, index, load(from, index))});
  for (size_t d = loops.size(); d-- > 0;) nest = make(For{.begin = imm(0), .extent = region->extent[d], .var = loops[d], .body = nest});
  return nest;
}

Ref<Stmt> forget_regions(const Ref<Stmt>& body) {
  return rewrite(body, [](const Block& b) -> Opt<Stmt> {
    if (b.reads.empty() && b.writes.empty()) return {};
    return with(with(ref_to(b), &Block::reads, List<Ref<Region>>()), &Block::writes, List<Ref<Region>>());
  });
}
Ref<Stmt> without_allocation(const Ref<Stmt>& body, const Node* buffer) {
  return rewrite(body, [&](const Allocate& a) -> Opt<Stmt> { return a.buffer.same_as(buffer) ? Opt<Stmt>(a.body) : Opt<Stmt>(); });
}

Ref<Buffer> copy_of(const Ref<Buffer>& buffer, Name scope) {
  return make(Buffer{.id = buffer->id.str() + "_" + scope.str(), .shape = buffer->shape, .element = buffer->element, .scope = scope});
}

// The whole sequence that holds the nest may be inside an allocation of a buffer that it uses: the copy goes beside the nest.
void place_copy(Schedule& s, const Ref<Buffer>& copy, const Ref<Stmt>& top, const Ref<Stmt>& replacement) {
  s.replace(top.node(), replacement);
  s.set_body(make(Allocate{.buffer = copy, .body = forget_regions(s.kernel()->body)}));
}

void set_kind(Schedule& s, const Ref<Var>& loop, ForKind how, const char* primitive) {
  Ref<For> f = s.loop(loop);
  // Lanes of a reduction without init are combined first and added at once; threads have nothing of the kind.
  if (how == ForKind::parallel || how == ForKind::vectorised)
    visit(f->body, [&](const Block& b) {
      for (const auto& iter : b.iters) {
        bool fine = iter->how == IterKind::spatial || (how == ForKind::vectorised && iter->how == IterKind::reduce && !b.init);
        if (!fine && uses(iter->value.node(), loop.node()))
          throw schedule_error(primitive, b.id, fmt::format("loop '{}' carries no reduction and no order", loop->id.str()));
      }
    });
  if (how == ForKind::vectorised && !as_int(f->extent)) throw schedule_error(primitive, loop, "its extent is constant");
  s.replace(f.node(), with(f, &For::how, how));
}

} // namespace tw::schedule
