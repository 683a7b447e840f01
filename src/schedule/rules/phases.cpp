// SPDX-License-Identifier: Apache-2.0
// Results that lie a stride apart are computed by one nest a phase: T[phase, place] with the result at place * stride + phase. A map behind
// it goes over the results in their own order and reads T[i % stride, i // stride]. With its loops split and ordered like T's dimensions it
// can join the reduction's nest as the epilogue of its tiles.
#include "ir/visit.h"
#include "schedule/rules/rules.h"

#include <map>

namespace tw::schedule {
namespace {

// What an index takes of one iteration: all of it, the quotient or the remainder by a number.
struct Taken {
  Opt<Var> iteration;
  BinaryOp how = BinaryOp::add; // floordiv, floormod; else all
  int64_t by = 0;
};

Taken taken_by(const Ref<Expr>& index) {
  if (const auto* v = as<Var>(index)) return {ref_to(*v)};
  const auto* b = as<Binary>(index);
  const auto* v = b ? as<Var>(b->a) : nullptr;
  auto by = b ? as_int(b->b) : std::nullopt;
  if (!v || !by || (b->op != BinaryOp::floordiv && b->op != BinaryOp::floormod)) return {};
  return {ref_to(*v), b->op, *by};
}

// The loop whose variable is the value of that iteration.
Opt<Var> loop_of(const Block& block, const Node* iteration) {
  for (const auto& iter : block.iters)
    if (iter->var.same_as(iteration))
      if (const auto* loop = as<Var>(iter->value)) return ref_to(*loop);
  return {};
}

} // namespace

void part_loops_like(Schedule& s, Name reduction, Name map) {
  Ref<Block> producer = s.block(reduction), block = s.block(map);
  const auto* made = as<Store>(producer->body);
  if (!made) return;
  std::vector<const Load*> reads;
  visit(block->body, [&](const Load& load) {
    if (load.buffer.same_as(made->buffer)) reads.push_back(&load);
  });
  if (reads.size() != 1) return;
  std::vector<Taken> taken;
  int64_t cut = 0;
  for (const auto& index : reads[0]->index) {
    taken.push_back(taken_by(index));
    cut += taken.back().by != 0;
  }
  if (!cut) return;
  Schedule attempt = s;
  std::map<const Node*, Loops> halves; // by iteration: quotient, remainder
  for (const Taken& t : taken) {
    if (!t.by || halves.count(t.iteration.node())) continue;
    auto loop = loop_of(*block, t.iteration.node());
    auto extent = loop ? as_int(attempt.loop(as_ref<Var>(loop))->extent) : std::nullopt;
    if (!loop || (extent && *extent == t.by)) continue; // the remainder is all of it
    if (!arith::Analyzer().prove_multiple(attempt.loop(as_ref<Var>(loop))->extent, t.by)) return;
    halves.emplace(t.iteration.node(), split(attempt, as_ref<Var>(loop), t.by));
  }
  Loops order;
  for (size_t d = 0; d < taken.size(); ++d) {
    const auto* iteration = as<Var>(made->index[d]);
    if (!iteration || !loop_of(*producer, iteration)) continue; // one point: no loop
    if (!taken[d].iteration) return;
    auto parted = halves.find(taken[d].iteration.node());
    if (parted != halves.end()) {
      order.push_back(parted->second[taken[d].how == BinaryOp::floordiv ? 0 : 1]);
    } else if (auto loop = loop_of(*block, taken[d].iteration.node())) {
      order.push_back(as_ref<Var>(loop));
    }
  }
  if (order.size() != attempt.loops(map).size()) return;
  reorder(attempt, order);
  s.adopt(std::move(attempt));
}

} // namespace tw::schedule
