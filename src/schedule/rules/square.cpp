// SPDX-License-Identifier: Apache-2.0
// Transposes: what lies together where it is read lies apart where it is written. Element by element each would touch a cache line of its
// own; a square of as many rows as a vector has lanes is read in whole vectors, turned in registers, and written in whole vectors. Few rows
// that are written in turns (channels that come last) are read as vectors and interleaved.
#include "ir/visit.h"
#include "schedule/rules/rules.h"

namespace tw::schedule {
namespace {

// The loop along which the map reads side by side, where its innermost loop writes side by side but reads apart.
Opt<Var> reading_loop(Schedule& s, const Block& block, size_t outer) {
  auto loops = s.loops(block.id);
  auto along = strides_of(s, block, loops.back()->var);
  size_t read = along.size();
  for (size_t k = 0; k < along.size(); ++k) {
    if (!along[k].coefficient || (along[k].is_store && !is_int(along[k].coefficient, 1))) return {};
    if (along[k].is_store || is_int(along[k].coefficient, 0) || is_int(along[k].coefficient, 1)) continue;
    if (read != along.size()) return {}; // two that are read apart
    read = k;
  }
  if (read == along.size()) return {};
  for (size_t i = loops.size() - 1; i-- > outer;) {
    auto across = strides_of(s, block, loops[i]->var);
    if (is_int(across[read].coefficient, 1)) return loops[i]->var;
  }
  return {};
}

constexpr int64_t most_interleaved = 4;

// Neighbours along the reading loop are stored `width` apart: what the innermost loop writes fills the room between.
bool stores_in_turns(Schedule& s, const Block& block, const Ref<Var>& read, int64_t width) {
  for (const auto& a : strides_of(s, block, read))
    if (a.is_store && !is_int(a.coefficient, width)) return false;
  return true;
}

// Neighbouring loops that every access goes through as through one are one where then nothing is left beside squares of this side.
void collapse(Schedule& s, Name id, size_t outer, int64_t side) {
  auto loops = s.loops(id);
  for (size_t i = loops.size(); i-- > outer + 1;) {
    auto before = as_int(loops[i - 1]->extent), behind = as_int(loops[i]->extent);
    if (!before || !behind || *behind % side == 0 || *before * *behind % side != 0) continue;
    if (!collapsible(s, *s.block(id), loops[i - 1], loops[i])) continue;
    fuse(s, loops[i - 1]->var, loops[i]->var);
    loops = s.loops(id);
  }
}

// What only the run knows is cut as well: if it is less than a step, all of it is what is left.
bool may_be_cut(const Ref<Expr>& extent, int64_t step) { return as_int(extent).value_or(step) >= step; }

// The block of the iterations behind the last whole step.
Name partition_rest(Schedule& s, const Ref<Var>& loop, const Ref<Expr>& extent, int64_t step) {
  Ref<Var> rest = partition(s, loop, floordiv(extent, step) * step)[1];
  Opt<Block> found;
  visit(s.loop(rest).node(), [&](const Block& b) { found = ref_to(b); });
  return found->id;
}

} // namespace

bool turn_squares(Schedule& s, Name id, size_t outer, double work) {
  Ref<Block> block = s.block(id);
  const auto* store = as<Store>(block->body);
  if (!store || is_reduction(*block) || block->where || s.loops(id).size() < outer + 2) return false;
  if (!reading_loop(s, *block, outer)) return false;
  const int64_t side = s.target().lanes(store->value->dtype.bytes());
  collapse(s, id, outer, side);
  block = s.block(id);
  Opt<Var> found = reading_loop(s, *block, outer);
  if (!found) return false;
  Ref<Var> read = as_ref<Var>(found), write = s.loops(id).back()->var;
  Ref<Expr> reads = s.loop(read)->extent, writes = s.loop(write)->extent;
  if (side < 4 || !may_be_cut(reads, side)) return false;
  auto few = as_int(writes);
  int64_t width = few && *few < side ? *few : side;
  if (!may_be_cut(writes, width)) return false;
  if (width < side && (width > most_interleaved || !stores_in_turns(s, *block, read, width))) return false;
  Loops others;
  for (size_t i = outer; i < s.loops(id).size(); ++i)
    if (auto v = s.loops(id)[i]->var; !v.same_as(read) && !v.same_as(write)) others.push_back(v);
  auto order = [&](Loops first, const Loops& last) {
    first.insert(first.end(), last.begin(), last.end());
    reorder(s, first);
  };
  // What is left beside the squares, rows and then columns, becomes a nest of its own.
  auto cut = [&](const Ref<Var>& loop, const Ref<Var>& other, const Ref<Expr>& extent, int64_t step) {
    if (arith::Analyzer().prove_multiple(extent, step)) return;
    order({loop, other}, others);
    Name rest = partition_rest(s, loop, extent, step);
    auto nest = s.loops(rest);
    Loops own;
    for (size_t i = outer + 2; i < nest.size(); ++i) own.push_back(nest[i]->var);
    Ref<Var> reading = nest[outer + (loop.same_as(read) ? 0 : 1)]->var, writing = nest[outer + (loop.same_as(read) ? 1 : 0)]->var;
    order(own, {reading, writing});
    own.push_back(reading);
    vectorise_innermost(s, rest, writing, map_lanes(s, *s.block(rest)));
    share_outer(s, own, work);
  };
  cut(write, read, writes, width);
  cut(read, write, reads, side);
  Loops down = split(s, read, side), across = split(s, write, width), around = others;
  // The shorter side goes by while what the longer one has in common stays in the first-level cache.
  const bool narrow = few && as_int(reads) && *as_int(reads) < *few;
  around.insert(around.end(), {narrow ? across[0] : down[0], narrow ? down[0] : across[0]});
  order(around, {down[1], across[1]});
  vectorise(s, down[1]);
  vectorise(s, across[1]);
  share_outer(s, around, work);
  return true;
}

bool turn_pieces(Schedule& s, Name id, double work) {
  Ref<Block> block = s.block(id);
  auto loops = s.loops(id);
  if (is_reduction(*block) || block->where || loops.size() < 2) return false;
  // The loop along which one read lies side by side, which along the innermost loop has borders.
  Ref<Var> write = loops.back()->var;
  auto along = strides_of(s, *block, write);
  Opt<Var> read;
  for (size_t i = loops.size() - 1; i-- > 0 && !read;) {
    auto across = strides_of(s, *block, loops[i]->var);
    for (size_t k = 0; k < across.size(); ++k)
      if (!across[k].is_store && !along[k].coefficient && is_int(across[k].coefficient, 1)) read = loops[i]->var;
  }
  if (!read) return false;
  Schedule attempt = s;
  Loops order;
  for (const auto& f : loops)
    if (!f->var.same_as(write) && !f->var.same_as(read)) order.push_back(f->var);
  Loops outer = order;
  order.insert(order.end(), {write, as_ref<Var>(read)});
  reorder(attempt, order);
  auto pieces = settle_conditions(attempt, id);
  if (pieces.size() < 2) return false;
  bool turned = false;
  for (const Name& piece : pieces) {
    auto own = attempt.loops(piece);
    if (own.size() != loops.size()) return false; // cut along another loop
    Ref<Var> columns = own[own.size() - 2]->var, rows = own.back()->var;
    reorder(attempt, {rows, columns});
    turned = turn_squares(attempt, piece, outer.size(), 0) || turned; // what is too narrow runs plainly
  }
  if (!turned) return false;
  share_outer(attempt, outer, work);
  s.adopt(std::move(attempt));
  return true;
}

} // namespace tw::schedule
