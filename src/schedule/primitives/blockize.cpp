// SPDX-License-Identifier: Apache-2.0
#include "arith/regions.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Name run(Schedule& s, Name id, const Ref<Var>& at) {
  Nest nest = nest_of(s, id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("blockize", id, sentence); };
  size_t place = 0;
  while (place < nest.loops.size() && !nest.loops[place]->var.same_as(at)) ++place;
  if (place == nest.loops.size()) throw refuse(fmt::format("loop '{}' is one of the perfect nest around it", at->id.str()));
  const Ref<For>& top = nest.loops[place];
  std::vector<Ref<Iter>> iters;
  Substitution outside;
  if (loops_around(s, nest.block.node()).size() != nest.loops.size()) throw refuse("its nest is not inside other loops");
  for (size_t i = 0; i < place; ++i) {
    const Ref<For>& f = nest.loops[i];
    if (!is_int(f->begin, 0)) throw refuse(fmt::format("loop '{}' begins at 0", f->var->id.str()));
    IterKind kind = IterKind::spatial;
    for (const auto& iter : nest.block->iters)
      if (uses(iter->value.node(), f->var.node()) && iter->how != IterKind::spatial) kind = iter->how;
    Ref<Var> v = var("v" + f->var->id.str());
    iters.push_back(make(Iter{.value = f->var, .extent = f->extent, .var = v, .how = kind}));
    outside.emplace(f->var.node(), v);
  }
  // An init belongs before the first of all reduce iterations: to the outer block if reduce loops stand on both sides.
  bool reduces_outside = false;
  for (const auto& iter : iters) reduces_outside = reduces_outside || iter->how == IterKind::reduce;
  if (reduces_outside && nest.block->init)
    throw refuse("its init has been taken out (decompose_reduction), as a reduce loop stays outside");
  arith::Analyzer analyzer;
  Ref<Stmt> body = substitute(Ref<Stmt>(top), outside);
  for (const auto& iter : iters) analyzer.bind(iter->var, imm(0), iter->extent);
  auto touched = arith::touched_by(body, analyzer);
  Name outer = s.unique_block(id.str() + "_outer");
  s.replace(top.node(), make(Block{.id = outer, .iters = iters, .reads = touched.reads, .writes = touched.writes, .body = body}));
  return outer;
}

} // namespace

extern const Primitive blockize_primitive = define<run>({
    .name = "blockize",
    .doc = "the nest from the loop down becomes the body of a block of its own, whose iterations are the loops outside; one that carries a "
           "reduction becomes a reduce iteration",
    .parameters = {"block", "loop"},
    .results = {"outer"},
    .takes = "A: In[(64,), f32], C: Out[(64,), f32]",
    .before = R"(
for i in range(4):
    for j in range(16):
        with block("c"):
            v = spatial(64, i * 16 + j)
            C[v] = A[v])",
    .call = R"(s.blockize("c", "j"))",
    .after = R"(
for i in range(4):
    with block("c_outer"):
        vi = spatial(4, i)
        reads(A[vi * 16 : vi * 16 + 16])
        writes(C[vi * 16 : vi * 16 + 16])
        for j in range(16):
            with block("c"):
                v = spatial(64, vi * 16 + j)
                C[v] = A[v])",
    .refused = {{R"(s.blockize("c", "k"))", "there is no loop 'k'; there is 'i', 'j'"}},
});

Name blockize(Schedule& s, Name id, const Ref<Var>& at) { return recorded(run, blockize_primitive, s, id, at); }

} // namespace tw::schedule
