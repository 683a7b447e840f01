// SPDX-License-Identifier: Apache-2.0
// Softmax, norms, reductions over the last axes: everything that belongs to one row runs together, so that the row is read once from memory
// and stays in the first-level cache. A row's reductions are vectors of partial results first, one value at the end.
#include "ir/visit.h"
#include "schedule/rules/rules.h"

#include <algorithm>
#include <bit>

namespace tw::schedule {
namespace {

bool carries_reduction(const Block& block, const Ref<Var>& loop) {
  for (const auto& iter : block.iters)
    if (iter->how != IterKind::spatial && uses(iter->value.node(), loop.node())) return true;
  return false;
}

// How many leading loops all blocks share as spatial ones of equal extent.
size_t common_rows(Schedule& s, const std::vector<Name>& blocks) {
  auto first = s.loops(blocks[0]);
  size_t shared = first.size();
  for (const Name& id : blocks) {
    auto loops = s.loops(id);
    Ref<Block> block = s.block(id);
    size_t n = 0;
    while (n < std::min(shared, loops.size()) && !carries_reduction(*block, loops[n]->var) &&
           arith::prove_equal(loops[n]->extent, first[n]->extent))
      ++n;
    shared = n;
  }
  return shared;
}

// Rows of some blocks may be groups of others' (the channels of a group norm): the longer loop is split, so that all have the same rows.
bool split_groups(Schedule& s, const std::vector<Name>& blocks) {
  const size_t at = common_rows(s, blocks);
  int64_t groups = unbounded;
  for (const Name& id : blocks) {
    auto loops = s.loops(id);
    auto extent = at < loops.size() && !carries_reduction(*s.block(id), loops[at]->var) ? as_int(loops[at]->extent) : std::nullopt;
    if (!extent) return false;
    groups = std::min(groups, *extent);
  }
  auto size = [&](const Name& id) { return *as_int(s.loops(id)[at]->extent); };
  if (groups < 2 || std::ranges::any_of(blocks, [&](const Name& id) { return size(id) % groups != 0; })) return false;
  for (const Name& id : blocks)
    if (size(id) > groups) split(s, s.loops(id)[at]->var, size(id) / groups);
  return common_rows(s, blocks) > at;
}

constexpr int64_t most_vectors = 8; // of a short row, taken at once; a longer one has four partial results

// How many lanes of a row are taken together; whether that is the whole row but for less than a vector.
struct RowVectors {
  int64_t lanes;
  bool at_once;
};
RowVectors row_vectors(const Ref<Expr>& size, int64_t machine) {
  auto extent = as_int(size);
  if (!extent) return {(arith::Analyzer().prove_multiple(size, machine) ? 1 : 4) * machine, false};
  if (*extent < machine) return {static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(*extent))), true};
  if (*extent < (most_vectors + 1) * machine) return {*extent / machine * machine, true};
  for (int64_t vectors : {4, 5, 6, 7, 8, 3})
    if (*extent % (vectors * machine) == 0) return {vectors * machine, false};
  return {4 * machine, false};
}

// What is left of a row, of a constant extent: vectors half as long each time, each combined by itself.
void vectorise_rest(Schedule& s, const Ref<Var>& loop) {
  auto extent = as_int(s.loop(loop)->extent);
  if (!extent || *extent < 2) return;
  auto lanes = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(*extent)));
  Opt<Var> rest;
  if (lanes != *extent) rest = partition(s, loop, imm(lanes))[1];
  vectorise(s, loop);
  if (rest) vectorise_rest(s, as_ref<Var>(rest));
}

} // namespace

void vectorise_reduction(Schedule& s, Name id, size_t rows) {
  auto loops = s.loops(id);
  if (loops.size() <= rows) return;
  for (size_t i = loops.size(); i-- > rows + 1;) {
    Ref<Block> block = s.block(id);
    bool both = carries_reduction(*block, loops[i - 1]->var) && carries_reduction(*block, loops[i]->var);
    if (both && collapsible(s, *block, loops[i - 1], loops[i])) fuse(s, loops[i - 1]->var, loops[i]->var), loops = s.loops(id);
  }
  Ref<Block> block = s.block(id);
  Ref<Var> innermost = loops.back()->var;
  if (!carries_reduction(*block, innermost)) return;
  for (const auto& a : strides_of(s, *block, innermost))
    if (!a.coefficient || (!is_int(a.coefficient, 1) && !is_int(a.coefficient, 0))) return;
  // Inner spatial loops of its own would repeat the partial results' memory; they stay as they are.
  for (size_t i = rows; i + 1 < loops.size(); ++i)
    if (!carries_reduction(*block, loops[i]->var)) return;
  const auto* update = as<Store>(block->body);
  if (!update || !as<Binary>(update->value)) return;
  RowVectors plan = row_vectors(loops.back()->extent, s.target().lanes(update->value->dtype.bytes()));
  if (plan.lanes < 2) return;
  bool alone = loops.size() == rows + 1;
  plan.at_once = plan.at_once && alone; // other reduce loops around would combine lanes each time
  bool exact = arith::Analyzer().prove_multiple(loops.back()->extent, plan.lanes);
  if (!exact && !alone) return;
  decompose_reduction(s, id, loops[rows]->var);
  if (!exact) {
    Ref<Expr> whole = floordiv(loops.back()->extent, plan.lanes) * plan.lanes;
    Ref<Var> rest = partition(s, innermost, whole)[1];
    vectorise_rest(s, rest);
  }
  if (plan.at_once) {
    vectorise(s, innermost);
    return;
  }
  Loops parts = split(s, innermost, plan.lanes);
  // The partial sums begin from the neutral element, so the block takes its init back for them.
  RFactor factored = rfactor(s, id, parts[1]);
  tensorize(s, factored.partial, factored.lane_loop, factored.lane_loop);
  vectorise(s, factored.final_loop);
}

namespace {

class RowRule {
public:
  RowRule(Schedule& s, bool grouped) : s_(s), grouped_(grouped) {}

  bool run() {
    std::vector<Name> blocks;
    for (const auto& b : s_.blocks()) blocks.push_back(b->id);
    if (blocks.size() == 1 && !is_reduction(*s_.block(blocks[0]))) return false; // a map
    if (grouped_ && !split_groups(s_, blocks)) return false;
    size_t rows = common_rows(s_, blocks);
    double work = 0;
    for (const Name& id : blocks) {
      double points = 8;
      for (const auto& f : s_.loops(id)) points *= static_cast<double>(as_int(f->extent).value_or(64));
      work += points;
    }
    Loops outer = merge(blocks, rows);
    for (const Name& id : blocks) {
      Ref<Block> block = s_.block(id);
      if (is_reduction(*block)) vectorise_reduction(s_, id, rows);
      else map_row(id, rows);
    }
    if (!outer.empty()) share_outer(s_, outer, work);
    return true;
  }

private:
  Loops merge(const std::vector<Name>& blocks, size_t rows) {
    Loops outer;
    for (size_t r = 0; r < rows; ++r) {
      Ref<Var> first = s_.loops(blocks[0])[r]->var;
      for (size_t b = 1; b < blocks.size(); ++b) {
        Ref<Var> other = s_.loops(blocks[b])[r]->var;
        if (!other.same_as(first)) merge_loops(s_, first, other);
      }
      outer.push_back(first);
    }
    return outer;
  }

  void map_row(Name id, size_t rows) {
    auto loops = s_.loops(id);
    if (loops.size() <= rows) return;
    vectorise_innermost(s_, id, loops.back()->var, map_lanes(s_, *s_.block(id)));
  }

  Schedule& s_;
  const bool grouped_;
};

} // namespace

bool schedule_rows(Schedule& s) {
  return attempt(s, [](Schedule& copy) { return RowRule(copy, true).run(); }) ||
         attempt(s, [](Schedule& copy) { return RowRule(copy, false).run(); });
}

} // namespace tw::schedule
