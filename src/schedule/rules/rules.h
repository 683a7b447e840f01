// SPDX-License-Identifier: Apache-2.0
// How each family of kernels is scheduled: maps (elementwise and data movement), register tiles (products, convolutions, pooling,
// reductions over outer axes), rows (softmax, norms, reductions over the last axes). A rule calls primitives with sizes from the target.
#pragma once

#include "schedule/schedule.h"

namespace tw::schedule {

using RemarkSink = std::function<void(std::string subject, std::string text)>;

// Schedules the kernel by its family's rule. What no rule knows stays as it is, and a remark says so.
void schedule_by_rule(Schedule& s, const RemarkSink& remark);
// The same, but a kernel that a person has scheduled stays as it is.
Ref<Kernel> schedule_kernel(const Ref<Kernel>& kernel, const Target& target, const RemarkSink& remark);

// ---- the rules
bool is_reduction(const Block& block);
// Every access of the innermost loop steps by 0 or 1.
bool is_row_reduction(Schedule& s, const Block& block);
// Intermediates that are cheap or read once disappear into their readers.
void inline_maps(Schedule& s);
// One nest around a map: collapsed, shared between threads if its work, or that of the kernel, is worth it, vectorised.
void schedule_map(Schedule& s, Name block, bool outermost, double kernel_work = 0);
double map_work(Schedule& s, Name block); // scalar operations
// One nest around a reduction whose last spatial axis is contiguous, with maps before and after it. False: the rule does not fit, nothing
// changed. The first `outer` loops belong to others too and stay.
bool schedule_tile(Schedule& s, const std::vector<Name>& prologue, Name reduction, const std::vector<Name>& epilogue, size_t outer = 0);
// A map that reads a reduction's result at quotients and remainders of its iterations (phases of a transposed convolution): its loops are
// split and ordered like the reduction's. Where they cannot be, nothing changes.
void part_loops_like(Schedule& s, Name reduction, Name map);
// Products, row reductions and maps that share spatial axes in whatever order (attention): blocks of rows go through all of them together.
bool schedule_chain(Schedule& s);
// A kernel of winograd_convolution and maps behind it. False: it is none, or of unknown sizes.
bool schedule_winograd(Schedule& s);
// A depthwise convolution and the 1 × 1 convolutions around it: strips of rows go through all of them. False: it is no such kernel, or of
// sizes for which that does not win.
bool schedule_strips(Schedule& s);
// Sums over outer axes, one after the other, and maps of their results (means and variances of channels): those that share their outer
// axes go over each line together. False: there are no such, or something else beside them.
bool schedule_sums(Schedule& s);
// Nests that share their outer loops: everything of a row together.
bool schedule_rows(Schedule& s);

// ---- shared by rules
// Does all of `rule(attempt)` or nothing: false if the rule gives false, or a primitive refuses it.
template <class Rule> bool attempt(Schedule& s, Rule&& rule) {
  Schedule copy = s;
  try {
    if (!rule(copy)) return false;
  } catch (const Error& refused) {
    if (refused.kind() != ErrorKind::user) throw;
    return false;
  }
  s.adopt(std::move(copy));
  return true;
}
constexpr double worth_a_thread = 16000; // scalar operations from which a loop is shared: some 3 µs when vectorised
// The coefficient of a loop in each access of the block's value and body (linear offsets); empty if some access is not affine in it.
struct AccessStride {
  const Node* buffer;
  Opt<Expr> coefficient; // empty: not affine
  bool is_store;
};
std::vector<AccessStride> strides_of(Schedule& s, const Block& block, const Ref<Var>& loop);
// outer * inner may run as one loop: in every access, a step of outer equals inner's extent steps of inner.
bool collapsible(Schedule& s, const Block& block, const Ref<For>& outer, const Ref<For>& inner);
// Most points of a loop that one vector instruction (or a few) takes for these element types.
int64_t map_lanes(Schedule& s, const Block& block);
// Cuts the innermost loop along which answers to the block's conditions change at those places. Gives the blocks of the pieces; the block
// itself if there is no such loop.
std::vector<Name> settle_conditions(Schedule& s, Name block);
// Splits off whole vectors of the innermost loop and marks them; what is left over runs in smaller vectors, then one by one.
void vectorise_innermost(Schedule& s, Name block, const Ref<Var>& loop, int64_t lanes);
// A map that reads along one loop and writes along another: squares of both that are turned in registers, shared between threads if the
// work is worth it. The first `outer` loops belong to others too. False: it is no such map, or the loops are too short; nothing changed.
bool turn_squares(Schedule& s, Name block, size_t outer, double work);
// The same for a map that has borders along the loop of its writing: each piece by itself.
bool turn_pieces(Schedule& s, Name block, double work);
// A reduction along its innermost loop, inside `rows` loops: partial sums in vectors first. What does not fit stays as it is.
void vectorise_reduction(Schedule& s, Name reduction, size_t rows);
// Fused outer loops are shared between threads when there is enough work.
void share_outer(Schedule& s, const Loops& outer, double work);

} // namespace tw::schedule
