// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include <algorithm>

namespace tw::schedule {
namespace {

void run(Schedule& s, Name id, const Ref<Var>& at) {
  Nest producer = nest_of(s, id);
  const Ref<Block>& block = producer.block;
  auto refuse = [&](const std::string& sentence) { return schedule_error("compute_at", id, sentence); };
  const auto* target = as<Store>(block->body);
  if (!target) throw refuse("the block is one store");
  const Ref<Buffer> buffer = target->buffer;
  if (s.is_parameter(*buffer)) throw refuse(fmt::format("what it writes, '{}', is not a parameter of the kernel", buffer->id.str()));
  if (writers_of(s.kernel()->body, buffer.node()).size() != 1) throw refuse(fmt::format("no other block writes '{}'", buffer->id.str()));
  Ref<For> loop = s.loop(at);
  auto span = from_to(s, producer.top.node(), loop.node());
  if (span.empty() || !span[0].same_as(producer.top)) throw refuse(fmt::format("it stands before loop '{}' in one sequence", at->id.str()));
  for (const auto& reader : readers_of(s.kernel()->body, buffer.node())) {
    auto path = s.path(reader.node());
    if (reader->id != id && std::find(path.begin(), path.end(), loop.node()) == path.end())
      throw refuse(fmt::format("every reader of '{}' stands inside the loop; block '{}' does not", buffer->id.str(), reader->id.str()));
  }
  for (size_t k = 1; k < span.size(); ++k)
    for (const auto& input : loaded_buffers(block.node()))
      if (stores_to(span[k].node(), input.node()))
        throw refuse(fmt::format("what it reads, '{}', is not written after it", input->id.str()));
  auto around = loops_around(s, loop.node());
  for (const auto& f : around)
    if (f->how == ForKind::parallel)
      throw refuse(fmt::format("loop '{}' is not parallel yet: its iterations would write the same points", f->var->id.str()));

  arith::Analyzer analyzer;
  bind_loops(analyzer, around);
  Opt<Region> needed = arith::find_region(arith::touched_by(loop->body, analyzer).reads, buffer);
  if (!needed) throw refuse(fmt::format("the loop reads '{}'", buffer->id.str()));
  Box box{.begin = std::vector<Opt<Expr>>(block->iters.size()), .extent = std::vector<Opt<Expr>>(block->iters.size())};
  for (size_t i = 0; i < block->iters.size(); ++i) {
    const Ref<Iter>& iter = block->iters[i];
    if (iter->how == IterKind::ordered) throw refuse("it has no ordered iterations");
    for (size_t d = 0; d < target->index.size(); ++d)
      if (target->index[d].same_as(iter->var)) {
        box.begin[i] = needed->begin[d];
        box.extent[i] = needed->extent[d];
      }
    if (!box.begin[i] && iter->how == IterKind::spatial && !is_int(iter->extent, 1))
      throw refuse("each spatial iteration is an index of what it writes");
  }
  for (const auto& index : target->index)
    if (!as<Var>(index) && !is_int(index, 0)) throw refuse("it writes at its iteration variables");
  Placed moved = nest_over(producer, box, analyzer, "compute_at");
  s.replace(producer.top.node(), {});
  loop = s.loop(at);
  s.replace(loop.node(), with(loop, &For::body, seq({moved.nest, loop->body})));
  s.set_body(forget_regions(s.kernel()->body));
}

} // namespace

extern const Primitive compute_at_primitive = define<run>({
    .name = "compute_at",
    .doc = "the producer moves into the loop and computes there what one iteration reads of it; points that several iterations need are "
           "computed again",
    .parameters = {"block", "loop"},
    .takes = "A: In[(64,), f32], C: Out[(62,), f32]",
    .before = R"(
T = allocate((64,), f32)
for i in range(64):
    with block("t"):
        v = spatial(64, i)
        T[v] = A[v] * 2.0
for j in range(62):
    with block("c"):
        v = spatial(62, j)
        C[v] = T[v] + T[v + 2])",
    .call = R"(s.compute_at("t", "j"))",
    .after = R"(
T = allocate((64,), f32)
for j in range(62):
    for v in range(3):
        with block("t"):
            v_1 = spatial(64, j + v)
            T[v_1] = A[v_1] * 2.0
    with block("c"):
        v = spatial(62, j)
        C[v] = T[v] + T[v + 2])",
    .refused = {{R"(s.compute_at("c", "j"))", "what it writes, 'C', is not a parameter of the kernel"},
                {R"(s.compute_at("t", "i"))", "it stands before loop 'i' in one sequence"}},
});

void compute_at(Schedule& s, Name id, const Ref<Var>& at) { return recorded(run, compute_at_primitive, s, id, at); }

} // namespace tw::schedule
