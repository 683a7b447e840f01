// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

void run(Schedule& s, Name id) {
  Nest consumer = nest_of(s, id);
  const Ref<Block>& block = consumer.block;
  auto refuse = [&](const std::string& sentence) { return schedule_error("reverse_inline", id, sentence); };
  const auto* result = as<Store>(block->body);
  if (!result || result->mask || block->init || block->where) throw refuse("the block is one store without condition or reduction");
  // The one buffer that it reads at its iteration variables and that a map before it writes.
  Opt<Load> taken;
  Opt<Block> producer;
  visit(result->value, [&](const Load& load) {
    auto writers = writers_of(s.kernel()->body, load.buffer.node());
    if (taken || s.is_parameter(*load.buffer) || writers.size() != 1) return;
    taken = ref_to(load);
    producer = writers[0];
  });
  if (!taken) throw refuse("it reads an intermediate that one block writes");
  const Ref<Buffer> buffer = taken->buffer;
  const auto* source = as<Store>(producer->body);
  if (!source || source->mask || producer->init || producer->where)
    throw refuse(fmt::format("block '{}' is one store without condition or reduction", producer->id.str()));
  if (!runs_once(s, block)) throw refuse("it runs over each of its points once");
  if (!speaks_of_iterations(*block, consumer.loops)) throw refuse("it speaks of its iterations, not of the loops");
  for (const auto& list : {loaded_buffers(block.node()), stored_buffers(block.node())})
    for (const auto& b : list)
      if (!is_visible(s, b, producer.node()))
        throw refuse(fmt::format("what it uses, '{}', is there where block '{}' stands", b->id.str(), producer->id.str()));
  auto span = from_to(s, producer.node(), block.node());
  if (span.empty() || !span.back().same_as(consumer.top))
    throw refuse(fmt::format("it stands after block '{}' in one sequence", producer->id.str()));
  if (readers_of(s.kernel()->body, buffer.node()).size() != 1) throw refuse(fmt::format("nobody else reads '{}'", buffer->id.str()));
  Substitution points;
  if (taken->index.size() != block->iters.size()) throw refuse(fmt::format("its iterations are the dimensions of '{}'", buffer->id.str()));
  for (size_t d = 0; d < taken->index.size(); ++d)
    for (const auto& iter : block->iters)
      if (taken->index[d].same_as(iter->var) && arith::prove_equal(iter->extent, buffer->shape[d]))
        points.emplace(iter->var.node(), source->index[d]);
  if (points.size() != block->iters.size()) throw refuse(fmt::format("its iterations are the dimensions of '{}'", buffer->id.str()));
  bool elsewhere = false;
  visit(result->value, [&](const Load& load) {
    if (load.buffer.same_as(buffer))
      for (size_t d = 0; d < load.index.size(); ++d) elsewhere = elsewhere || !equal(load.index[d], taken->index[d]);
  });
  if (elsewhere) throw refuse(fmt::format("it reads '{}' at one point only", buffer->id.str()));
  for (size_t k = 0; k + 1 < span.size(); ++k) {
    if (stores_to(span[k].node(), result->buffer.node()) || loads_from(span[k].node(), result->buffer.node()))
      throw refuse(fmt::format("what it writes, '{}', is not touched between the two", result->buffer->id.str()));
    for (const auto& input : loaded_buffers(block.node()))
      if (!input.same_as(buffer) && stores_to(span[k].node(), input.node()))
        throw refuse(fmt::format("what it reads, '{}', is not written between the two", input->id.str()));
  }
  Ref<Stmt> combined = rewrite(substitute(block->body, points), [&](const Load& load) -> Opt<Expr> {
    return load.buffer.same_as(buffer) ? Opt<Expr>(source->value) : Opt<Expr>();
  });
  s.replace(consumer.top.node(), {});
  Ref<Block> now = s.block(producer->id);
  s.replace(now.node(), with(now, &Block::body, combined));
  s.set_body(forget_regions(without_allocation(s.kernel()->body, buffer.node())));
}

} // namespace

extern const Primitive reverse_inline_primitive = define<run>({
    .name = "reverse_inline",
    .doc = "the map becomes part of the map that produces its input, which then writes the result at once",
    .parameters = {"block"},
    .takes = "A: In[(8,), f32], C: Out[(8,), f32]",
    .before = R"(
T = allocate((8,), f32)
for i in range(8):
    with block("t"):
        v = spatial(8, i)
        T[v] = A[v] * 2.0
for j in range(8):
    with block("c"):
        v = spatial(8, j)
        C[v] = T[v] + 1.0)",
    .call = R"(s.reverse_inline("c"))",
    .after = R"(
for i in range(8):
    with block("t"):
        v = spatial(8, i)
        C[v] = A[v] * 2.0 + 1.0)",
    .refused = {{R"(s.reverse_inline("t"))", "it reads an intermediate that one block writes"}},
});

void reverse_inline(Schedule& s, Name id) { return recorded(run, reverse_inline_primitive, s, id); }

} // namespace tw::schedule
