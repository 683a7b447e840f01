// SPDX-License-Identifier: Apache-2.0
#include "arith/iter_map.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Name run(Schedule& s, Name id, const Ref<Var>& loop) {
  Ref<Block> block = s.block(id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("decompose_reduction", id, sentence); };
  if (!block->init) throw refuse("the block is a reduction with an init");
  auto loops = s.loops(id);
  if (!runs_whole_reduction(*block, loops)) throw refuse("it runs over the whole reduction, not a part of it");
  size_t at = 0;
  while (at < loops.size() && !loops[at]->var.same_as(loop)) ++at;
  if (at == loops.size()) throw refuse(fmt::format("loop '{}' stands around it", loop->id.str()));
  if (is_conditional(s, block.node(), loops[at].node())) throw refuse("no condition stands between the loop and it");
  for (const auto& buffer : stored_buffers(block->init.node()))
    if (!is_visible(s, buffer, loops[at].node())) throw refuse(fmt::format("'{}' is allocated outside the loop", buffer->id.str()));
  // A point that is computed again inside the loop would be added to itself.
  std::vector<arith::Axis> inside;
  for (size_t i = at; i < loops.size(); ++i) inside.push_back({loops[i]->var, loops[i]->extent});
  std::vector<Ref<Expr>> points;
  for (const auto& iter : block->iters) points.push_back(iter->value);
  arith::Analyzer analyzer;
  if (!arith::is_injective(inside, points, analyzer)) throw refuse("the loop reaches each point of it once");
  // Every reduce loop is at or inside the place; spatial loops inside are repeated for the init.
  std::vector<Ref<For>> repeated;
  auto carries = [&](const Ref<For>& f) {
    for (const auto& iter : block->iters)
      if (iter->how != IterKind::spatial && uses(iter->value.node(), f->var.node())) return true;
    return false;
  };
  for (size_t i = 0; i < loops.size(); ++i) {
    if (i < at && carries(loops[i])) throw refuse(fmt::format("reduce loop '{}' is not outside of that loop", loops[i]->var->id.str()));
    for (const auto& iter : block->iters)
      if (i >= at && carries(loops[i]) && iter->how == IterKind::spatial && uses(iter->value.node(), loops[i]->var.node()))
        throw refuse(fmt::format("loop '{}' carries the reduction alone", loops[i]->var->id.str()));
    if (i >= at && !carries(loops[i])) repeated.push_back(loops[i]);
  }
  if (block->where)
    for (const auto& f : loops)
      for (const auto& iter : block->iters)
        if (iter->how != IterKind::spatial &&
            (uses(block->where.node(), iter->var.node()) || (carries(f) && uses(block->where.node(), f->var.node()))))
          throw refuse("its condition does not depend on the reduction");
  std::vector<Ref<Iter>> iters;
  for (const auto& iter : block->iters)
    if (iter->how == IterKind::spatial) iters.push_back(iter);
  Name init_id = s.unique_block(id.str() + "_init");
  Ref<Stmt> start =
      make(Block{.id = init_id, .iters = iters, .reads = {}, .writes = {}, .body = as_ref<Stmt>(block->init), .where = block->where});
  for (size_t i = repeated.size(); i-- > 0;) start = with(repeated[i], &For::body, start);
  start = renew(start);
  s.replace(block.node(), with(block, &Block::init, Opt<Stmt>()));
  Ref<For> place = s.loop(loop);
  s.replace(place.node(), seq({start, place}));
  return init_id;
}

} // namespace

extern const Primitive decompose_reduction_primitive = define<run>({
    .name = "decompose_reduction",
    .doc = "the init of the reduction becomes a block of its own before the loop, around which no reduce loop stands",
    .parameters = {"block", "loop"},
    .results = {"init"},
    .takes = "A: In[(8, 64), f32], S: Out[(8,), f32]",
    .before = R"(
for i in range(8):
    for k in range(64):
        with block("sum"):
            x, r = spatial(8, i), reduce(64, k)
            with init():
                S[x] = 0.0
            S[x] = S[x] + A[x, r])",
    .call = R"(s.decompose_reduction("sum", "k"))",
    .after = R"(
for i in range(8):
    with block("sum_init"):
        x = spatial(8, i)
        S[x] = 0.0
    for k in range(64):
        with block("sum"):
            x, r = spatial(8, i), reduce(64, k)
            S[x] = S[x] + A[x, r])",
    .refused = {{"s.decompose_reduction(\"sum\", \"k\")\ns.decompose_reduction(\"sum\", \"k\")", "the block is a reduction with an init"}},
});

Name decompose_reduction(Schedule& s, Name id, const Ref<Var>& loop) { return recorded(run, decompose_reduction_primitive, s, id, loop); }

} // namespace tw::schedule
