// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Name run(Schedule& s, Name id, const Ref<Buffer>& buffer, MemoryScope scope) {
  Nest nest = nest_of(s, id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("cache_read", id, sentence); };
  if (!loads_from(nest.block.node(), buffer.node())) throw refuse(fmt::format("it reads '{}'", buffer->id.str()));
  if (stores_to(nest.block.node(), buffer.node())) throw refuse(fmt::format("it does not write '{}'", buffer->id.str()));
  arith::Analyzer analyzer;
  auto around = loops_around(s, nest.block.node());
  around.erase(around.end() - static_cast<ptrdiff_t>(nest.loops.size()), around.end());
  bind_loops(analyzer, around);
  Ref<Region> needed = clip(as_ref<Region>(arith::find_region(arith::touched_by(nest.top, analyzer).reads, buffer)), analyzer);
  if (!s.is_parameter(*buffer)) {
    if (!around.empty())
      throw refuse(fmt::format("its nest is not inside other loops, as '{}' may not be complete there", buffer->id.str()));
    auto writers = writers_of(s.kernel()->body, buffer.node());
    if (writers.size() != 1 || !fills(s, writers[0], buffer) || from_to(s, writers[0].node(), nest.top.node()).empty())
      throw refuse(fmt::format("one block before it writes all of '{}'", buffer->id.str()));
  } else if (stores_to(s.kernel()->body.node(), buffer.node())) {
    throw refuse(fmt::format("'{}' is an input or an intermediate", buffer->id.str()));
  }
  Ref<Buffer> copy = copy_of(buffer, scope.name);
  Name copier = s.unique_block(copy->id.str());
  auto replaced = rewrite(nest.top, [&](const Load& load) -> Opt<Expr> {
    return load.buffer.same_as(buffer) ? Opt<Expr>(with(ref_to(load), &Load::buffer, copy)) : Opt<Expr>();
  });
  place_copy(s, copy, nest.top, seq({copy_nest(copier, copy, buffer, needed), replaced}));
  return copier;
}

} // namespace

extern const Primitive cache_read_primitive = define<run>({
    .name = "cache_read",
    .doc = "the block reads a copy of the buffer, which a block before it makes",
    .parameters = {"block", "buffer", "scope"},
    .results = {"copy"},
    .takes = "A: In[(8,), f32], C: Out[(8,), f32]",
    .before = R"(
for i in range(8):
    with block("c"):
        v = spatial(8, i)
        C[v] = A[v] + 1.0)",
    .call = R"(s.cache_read("c", "A", "local"))",
    .after = R"(
A_local = allocate((8,), f32, scope="local")
for i0 in range(8):
    with block("A_local"):
        v0 = spatial(8, i0)
        A_local[v0] = A[v0]
for i in range(8):
    with block("c"):
        v = spatial(8, i)
        C[v] = A_local[v] + 1.0)",
    .refused = {{R"(s.cache_read("c", "C", "local"))", "it reads 'C'"}},
});

Name cache_read(Schedule& s, Name block, const Ref<Buffer>& buffer, MemoryScope scope) {
  return recorded(run, cache_read_primitive, s, block, buffer, scope);
}

} // namespace tw::schedule
