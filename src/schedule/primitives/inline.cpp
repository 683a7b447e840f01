// SPDX-License-Identifier: Apache-2.0
#include "schedule/nests.h"
#include "schedule/primitive.h"

#include "ir/visit.h"

namespace tw::schedule {
namespace {

// A masked-off lane touches nothing and is 0: so is what stands in its place.
Ref<Expr> masked(const Ref<Expr>& value, const Ref<Expr>& mask) {
  Ref<Expr> guarded = rewrite(value, [&](const Load& load) -> Opt<Expr> {
    Ref<Expr> both = load.mask ? mask && as_ref<Expr>(load.mask) : mask;
    return make(Load{.buffer = load.buffer, .index = load.index, .mask = both});
  });
  Ref<Expr> nothing = value->dtype.is_float() || value->dtype.is_int() ? zero(value->dtype) : imm(0, value->dtype);
  return select(mask, guarded, nothing);
}

void run(Schedule& s, Name id) {
  Ref<Block> block = s.block(id);
  auto refuse = [&](const std::string& sentence) { return schedule_error("inline", id, sentence); };
  const auto* store = as<Store>(block->body);
  if (!store || block->init || block->where) throw refuse("the block is one store without condition or reduction");
  if (s.is_parameter(*store->buffer))
    throw refuse(fmt::format("what it writes, '{}', is not a parameter of the kernel", store->buffer->id.str()));
  for (const auto& iter : block->iters)
    if (iter->how != IterKind::spatial) throw refuse("all its iterations are spatial");
  if (writers_of(s.kernel()->body, store->buffer.node()).size() != 1)
    throw refuse(fmt::format("no other block writes '{}'", store->buffer->id.str()));
  if (!speaks_of_iterations(*block, s.loops(id))) throw refuse("it speaks of its iterations, not of the loops");
  for (const auto& reader : readers_of(s.kernel()->body, store->buffer.node()))
    for (const auto& input : loaded_buffers(block.node()))
      if (!is_visible(s, input, reader.node()))
        throw refuse(fmt::format("what it reads, '{}', is there where block '{}' reads it", input->id.str(), reader->id.str()));
  bool after = false;
  for (const auto& other : s.blocks()) {
    after = after || other->id == id;
    for (const auto& input : loaded_buffers(block.node()))
      if (after && stores_to(other.node(), input.node()))
        throw refuse(fmt::format("what it reads, '{}', is not written after it", input->id.str()));
  }
  std::vector<const Node*> order;
  for (const auto& i : store->index) {
    bool is_iter = false;
    for (const auto& iter : block->iters) is_iter = is_iter || i.same_as(iter->var);
    if (!is_iter && !is_int(i, 0)) throw refuse("it writes at its iteration variables");
    for (const Node* seen : order)
      if (seen && i.same_as(seen)) throw refuse("each variable indexes one dimension");
    order.push_back(is_iter ? i.node() : nullptr);
  }
  Ref<Expr> value = store->value;
  const Node* target = store->buffer.node();
  bool self = false;
  visit(value, [&](const Load& l) { self = self || l.buffer.same_as(target); });
  if (self) throw refuse("it does not read what it writes");
  // The statement goes, with its loops; then every read is replaced.
  auto path = s.path(block.node());
  s.replace(block.node(), {});
  auto body = rewrite(s.kernel()->body, [&](const Load& load) -> Opt<Expr> {
    if (!load.buffer.same_as(target)) return {};
    Substitution map;
    for (size_t d = 0; d < order.size(); ++d)
      if (order[d]) map.emplace(order[d], load.index[d]);
    Ref<Expr> here = substitute(value, map);
    return load.mask ? masked(here, as_ref<Expr>(load.mask)) : here;
  });
  s.set_body(forget_regions(without_allocation(body, target)));
}

} // namespace

extern const Primitive inline_primitive = define<run>({
    .name = "inline",
    .doc = "every read of what the block computes becomes the computation; the block goes",
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
    .call = R"(s.inline("t"))",
    .after = R"(
for j in range(8):
    with block("c"):
        v = spatial(8, j)
        C[v] = A[v] * 2.0 + 1.0)",
    .refused = {{R"(s.inline("c"))", "what it writes, 'C', is not a parameter of the kernel"}},
});

void inline_block(Schedule& s, Name id) { return recorded(run, inline_primitive, s, id); }

} // namespace tw::schedule
