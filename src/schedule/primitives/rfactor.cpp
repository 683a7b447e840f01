// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

Opt<Expr> neutral(BinaryOp op, DType type) {
  switch (op) {
  case BinaryOp::add: return zero(type);
  case BinaryOp::mul: return literal(1, type);
  case BinaryOp::min: return highest(type);
  case BinaryOp::max: return lowest(type);
  case BinaryOp::logical_and: return imm(1, boolean);
  case BinaryOp::logical_or: return imm(0, boolean);
  default: return {};
  }
}

RFactor run(Schedule& s, Name id, const Ref<Var>& loop) {
  Ref<Block> block = s.block(id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("rfactor", id, sentence); };
  auto loops = s.loops(id);
  const auto* update = as<Store>(block->body);
  const auto* form = update ? as<Binary>(update->value) : nullptr;
  const auto* old = form ? as<Load>(form->a) : nullptr;
  if (!form || !old || !old->buffer.same_as(update->buffer) || !neutral(form->op, update->value->dtype))
    throw refuse("the block is a reduction: T[…] = T[…] combined with a value");
  if (block->where) throw refuse("it has no condition");
  if (block->init && !runs_whole_reduction(*block, loops)) throw refuse("it runs over the whole reduction, not a part of it");
  Ref<Expr> nothing = as_ref<Expr>(neutral(form->op, update->value->dtype));
  // The reduce loops: a perfect nest at the bottom.
  size_t first = loops.size();
  auto carries = [&](const Ref<For>& f) {
    for (const auto& iter : block->iters)
      if (iter->how == IterKind::reduce && uses(iter->value.node(), f->var.node())) return true;
    return false;
  };
  while (first > 0 && carries(loops[first - 1])) --first;
  for (size_t i = 0; i < first; ++i)
    if (block->init && carries(loops[i]))
      throw refuse(fmt::format("reduce loop '{}' is inside all its spatial loops", loops[i]->var->id.str()));
  for (size_t i = first; i < loops.size(); ++i)
    for (const auto& iter : block->iters)
      if (iter->how == IterKind::spatial && uses(iter->value.node(), loops[i]->var.node()))
        throw refuse(fmt::format("loop '{}' carries the reduction alone", loops[i]->var->id.str()));
  Opt<For> factored;
  std::vector<Ref<For>> rest;
  for (size_t i = first; i < loops.size(); ++i) {
    if (loops[i]->var.same_as(loop)) factored = loops[i];
    else rest.push_back(loops[i]);
  }
  for (const auto& f : rest)
    if (!arith::Analyzer().prove(f->extent >= imm(1))) throw refuse(fmt::format("loop '{}' runs at least once", f->var->id.str()));
  if (loops.size() - first > nest_of(s, id).loops.size()) throw refuse("its reduce loops are a perfect nest");
  if (!factored || !as_int(factored->extent)) throw refuse("the loop is one of its reduce loops, with a constant extent");
  Substitution values;
  for (const auto& iter : block->iters) values.emplace(iter->var.node(), iter->value);
  Ref<Buffer> partial = make(Buffer{.id = id.str() + "_partial", .shape = {factored->extent}, .element = update->buffer->element});
  // The partial reductions: the loop is spatial now, and its block is written in terms of the loops directly.
  Ref<Var> lane = var(loop->id.str() + "_lane");
  std::vector<Ref<Iter>> iters = {make(Iter{.value = loop, .extent = factored->extent, .var = lane})};
  Substitution inner = {{loop.node(), Ref<Expr>(lane)}};
  for (const auto& f : rest) {
    Ref<Var> v = var(f->var->id.str() + "_r");
    iters.push_back(make(Iter{.value = f->var, .extent = f->extent, .var = v, .how = IterKind::reduce}));
    inner.emplace(f->var.node(), Ref<Expr>(v));
  }
  Ref<Expr> value = substitute(substitute(form->b, values), inner);
  Ref<Stmt> accumulate = store(partial, {lane}, make(Binary{.op = form->op, .a = load(partial, {lane}), .b = value}));
  Name partial_id = s.unique_block(id.str() + "_partial");
  Ref<Stmt> first_nest =
      make(Block{.id = partial_id, .iters = iters, .reads = {}, .writes = {}, .body = accumulate, .init = store(partial, {lane}, nothing)});
  for (size_t i = rest.size(); i-- > 0;) first_nest = with(rest[i], &For::body, first_nest);
  first_nest = make(For{.begin = factored->begin, .extent = factored->extent, .var = loop, .body = first_nest});
  // What is left: one reduction over the partial results.
  Ref<Var> at = var(loop->id.str() + "_f"), k = var("k");
  std::vector<Ref<Iter>> final_iters;
  for (const auto& iter : block->iters)
    if (iter->how != IterKind::reduce) final_iters.push_back(iter);
  final_iters.push_back(make(Iter{.value = at, .extent = factored->extent, .var = k, .how = IterKind::reduce}));
  Ref<Expr> sum = make(Binary{.op = form->op, .a = form->a, .b = load(partial, {k})});
  Ref<Stmt> second = make(Block{.id = id,
                                .iters = final_iters,
                                .reads = {},
                                .writes = {},
                                .body = with(as_ref<Store>(block->body), &Store::value, sum),
                                .init = block->init});
  second = make(For{.begin = imm(0), .extent = factored->extent, .var = at, .body = second});
  Ref<Stmt> both = make(Allocate{.buffer = partial, .body = seq({first_nest, second})});
  s.replace(loops[first].node(), both);
  return {partial_id, loop, at};
}

} // namespace

static std::vector<Value> values_of(const RFactor& made) { return {made.partial, made.lane_loop, made.final_loop}; }

extern const Primitive rfactor_primitive = define<run>({
    .name = "rfactor",
    .doc = "one reduction becomes as many independent ones as the reduce loop has iterations, and a reduction of their results",
    .parameters = {"block", "loop"},
    .results = {"partial", "lane_loop", "final_loop"},
    .takes = "A: In[(128,), f32], S: Out[(1,), f32]",
    .before = R"(
for k_0 in range(8):
    for k_1 in range(16):
        with block("sum"):
            r = reduce(128, k_0 * 16 + k_1)
            with init():
                S[0] = 0.0
            S[0] = S[0] + A[r])",
    .call = R"(s.rfactor("sum", "k_1"))",
    .after = R"(
sum_partial = allocate((16,), f32)
for k_1 in range(16):
    for k_0 in range(8):
        with block("sum_partial"):
            k_1_lane, k_0_r = spatial(16, k_1), reduce(8, k_0)
            with init():
                sum_partial[k_1_lane] = 0.0
            sum_partial[k_1_lane] = sum_partial[k_1_lane] + A[k_0_r * 16 + k_1_lane]
for k_1_f in range(16):
    with block("sum"):
        k = reduce(16, k_1_f)
        with init():
            S[0] = 0.0
        S[0] = S[0] + sum_partial[k])",
    .refused = {{"s.partition(\"k_0\", 4)\ns.rfactor(\"sum\", s.loops(\"sum\")[1])", "it runs over the whole reduction, not a part of it"}},
    .gives = {ValueKind::block, ValueKind::loop, ValueKind::loop},
});

RFactor rfactor(Schedule& s, Name id, const Ref<Var>& loop) { return recorded(run, rfactor_primitive, s, id, loop); }

} // namespace tw::schedule
