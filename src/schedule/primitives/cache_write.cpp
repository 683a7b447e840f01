// SPDX-License-Identifier: Apache-2.0
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/primitive.h"

namespace tw::schedule {
namespace {

Name run(Schedule& s, Name id, MemoryScope scope) {
  Nest nest = nest_of(s, id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("cache_write", id, sentence); };
  auto stored = stored_buffers(nest.block.node());
  if (stored.size() != 1) throw refuse("it writes one buffer");
  Ref<Buffer> buffer = stored[0];
  if (writers_of(s.kernel()->body, buffer.node()).size() != 1) throw refuse(fmt::format("no other block writes '{}'", buffer->id.str()));
  if (loads_from(nest.block.node(), buffer.node()) && !nest.block->init)
    throw refuse(fmt::format("it does not read '{}' before writing it", buffer->id.str()));
  if (loops_around(s, nest.block.node()).size() != nest.loops.size()) throw refuse("its nest is not inside other loops");
  // The copy takes the whole buffer.
  if (!fills(s, nest.block, buffer)) throw refuse(fmt::format("it writes all of '{}'", buffer->id.str()));
  Ref<Buffer> copy = copy_of(buffer, scope.name);
  Name copier = s.unique_block(copy->id.str());
  auto replaced = rewrite(
      nest.top,
      [&](const Load& load) -> Opt<Expr> {
        return load.buffer.same_as(buffer) ? Opt<Expr>(with(ref_to(load), &Load::buffer, copy)) : Opt<Expr>();
      },
      [&](const Store& x) -> Opt<Stmt> {
        return x.buffer.same_as(buffer) ? Opt<Stmt>(with(ref_to(x), &Store::buffer, copy)) : Opt<Stmt>();
      });
  place_copy(s, copy, nest.top, seq({replaced, copy_nest(copier, buffer, copy, arith::whole(buffer))}));
  return copier;
}

} // namespace

extern const Primitive cache_write_primitive = define<run>({
    .name = "cache_write",
    .doc = "the block writes to a buffer of its own, which a block after it copies to the old one",
    .parameters = {"block", "scope"},
    .results = {"copy"},
    .takes = "A: In[(8,), f32], C: Out[(8,), f32]",
    .before = R"(
for i in range(8):
    with block("c"):
        v = spatial(8, i)
        C[v] = A[v] + 1.0)",
    .call = R"(s.cache_write("c", "local"))",
    .after = R"(
C_local = allocate((8,), f32, scope="local")
for i in range(8):
    with block("c"):
        v = spatial(8, i)
        C_local[v] = A[v] + 1.0
for i0 in range(8):
    with block("C_local"):
        v0 = spatial(8, i0)
        C[v0] = C_local[v0])",
    .refused = {{R"(s.cache_write("c", 1))", "scope: expected a memory's name, found 1"}},
});

Name cache_write(Schedule& s, Name block, MemoryScope scope) { return recorded(run, cache_write_primitive, s, block, scope); }

} // namespace tw::schedule
