// SPDX-License-Identifier: Apache-2.0
//                                                              for i0 in range(8):
//   for i in range(8):              cache_read(c, A, local)        with block("A_local"): A_local[i0] = A[i0]
//       with block("c"): C[i] = A[i] + 1.0                     for i in range(8):
//                                                                  with block("c"): C[i] = A_local[i] + 1.0
//
//   for i in range(8):              cache_write(c, local)      for i in range(8):
//       with block("c"): C[i] = A[i] + 1.0                         with block("c"): C_local[i] = A[i] + 1.0
//                                                              for i0 in range(8):
//                                                                  with block("C_local"): C[i0] = C_local[i0]
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/placement.h"

namespace tw::schedule {
namespace {

Ref<Buffer> cached(const Ref<Buffer>& buffer, Name scope) {
  return make(Buffer{.id = buffer->id.str() + "_" + scope.str(), .shape = buffer->shape, .element = buffer->element, .scope = scope});
}

// The whole sequence that holds the nest may be inside an allocation of a buffer that it uses: the copy goes beside the nest.
void place(Schedule& s, const Ref<Buffer>& copy, const Ref<Stmt>& top, const Ref<Stmt>& replacement) {
  s.replace(top.node(), replacement);
  s.set_body(make(Allocate{.buffer = copy, .body = forget_regions(s.kernel()->body)}));
}

} // namespace

Name cache_read(Schedule& s, Name id, const Ref<Buffer>& buffer, Name scope) {
  Nest nest = nest_of(s, id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("cache_read", "block " + id.str(), sentence); };
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
  Ref<Buffer> copy = cached(buffer, scope);
  Name copier = s.unique_block(copy->id.str());
  auto replaced = rewrite(nest.top, [&](const Load& load) -> Opt<Expr> {
    return load.buffer.same_as(buffer) ? Opt<Expr>(with(ref_to(load), &Load::buffer, copy)) : Opt<Expr>();
  });
  place(s, copy, nest.top, seq({copy_nest(copier, copy, buffer, needed), replaced}));
  return copier;
}

Name cache_write(Schedule& s, Name id, Name scope) {
  Nest nest = nest_of(s, id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("cache_write", "block " + id.str(), sentence); };
  auto stored = stored_buffers(nest.block.node());
  if (stored.size() != 1) throw refuse("it writes one buffer");
  Ref<Buffer> buffer = stored[0];
  if (writers_of(s.kernel()->body, buffer.node()).size() != 1) throw refuse(fmt::format("no other block writes '{}'", buffer->id.str()));
  if (loads_from(nest.block.node(), buffer.node()) && !nest.block->init)
    throw refuse(fmt::format("it does not read '{}' before writing it", buffer->id.str()));
  if (loops_around(s, nest.block.node()).size() != nest.loops.size()) throw refuse("its nest is not inside other loops");
  // The copy takes the whole buffer.
  if (!fills(s, nest.block, buffer)) throw refuse(fmt::format("it writes all of '{}'", buffer->id.str()));
  Ref<Buffer> copy = cached(buffer, scope);
  Name copier = s.unique_block(copy->id.str());
  auto replaced = rewrite(
      nest.top,
      [&](const Load& load) -> Opt<Expr> {
        return load.buffer.same_as(buffer) ? Opt<Expr>(with(ref_to(load), &Load::buffer, copy)) : Opt<Expr>();
      },
      [&](const Store& x) -> Opt<Stmt> {
        return x.buffer.same_as(buffer) ? Opt<Stmt>(with(ref_to(x), &Store::buffer, copy)) : Opt<Stmt>();
      });
  place(s, copy, nest.top, seq({replaced, copy_nest(copier, buffer, copy, arith::whole(buffer))}));
  return copier;
}

} // namespace tw::schedule
