// SPDX-License-Identifier: Apache-2.0
// What primitives ask of a kernel before they change it: the nest around a block, who writes and reads a buffer, what stands between two
// places, and how a nest over a box is made.
#pragma once

#include "arith/regions.h"
#include "schedule/schedule.h"

namespace tw::schedule {

// Loops that hold nothing but the next one, and the block at the bottom.
struct Nest {
  Ref<Stmt> top;
  std::vector<Ref<For>> loops;
  Ref<Block> block;
};
Nest nest_of(const Schedule& s, Name block);

Substitution iteration_values(const Block& block);
// Do body and init speak of the block's iterations only, not of the loops around it?
bool speaks_of_iterations(const Block& block, const std::vector<Ref<For>>& loops);
// Do the reduce iterations run from their first point, on which `init` happens, to their last? After partition they may not.
bool runs_whole_reduction(const Block& block, const std::vector<Ref<For>>& loops);
// Do the loops around the block reach each point of its iterations exactly once?
bool runs_once(const Schedule& s, const Ref<Block>& block);
// Does the block, with all the loops around it, write every element of the buffer? A region may have holes, a loop be a part of one.
bool fills(const Schedule& s, const Ref<Block>& block, const Ref<Buffer>& buffer);
// Is the buffer a parameter, or allocated around the node?
bool is_visible(const Schedule& s, const Ref<Buffer>& buffer, const Node* node);
// Blocks that store to (load from) the buffer, in order of the text.
std::vector<Ref<Block>> writers_of(const Ref<Stmt>& s, const Node* buffer);
std::vector<Ref<Block>> readers_of(const Ref<Stmt>& s, const Node* buffer);
bool stores_to(const Node* s, const Node* buffer);
bool loads_from(const Node* s, const Node* buffer);
std::vector<Ref<Buffer>> stored_buffers(const Node* s);
std::vector<Ref<Buffer>> loaded_buffers(const Node* s);

// The statements of one sequence from the one that holds `first` to the one that holds `last`, both included; empty if `first` does not
// come before `last` in a sequence.
std::vector<Ref<Stmt>> from_to(const Schedule& s, const Node* first, const Node* last);
// The loops around a node, it included, outermost first.
std::vector<Ref<For>> loops_around(const Schedule& s, const Node* node);
// Does a condition stand between `outer` (empty: the whole kernel) and the node?
bool is_conditional(const Schedule& s, const Node* node, const Node* outer = nullptr);
void bind_loops(arith::Analyzer& analyzer, const std::vector<Ref<For>>& loops);

// A loop for each iteration that runs over begin <= value < begin + extent, around a copy of the block; what may leave an iteration's own
// range is cut by `where`. An iteration without a range runs over all of its own. The nest's loops are left behind: a condition on them
// that does more than keep iterations in range is refused in the primitive's name.
struct Box {
  std::vector<Opt<Expr>> begin, extent;
};
struct Placed {
  Ref<Stmt> nest;
  std::vector<Ref<For>> loops;
  Ref<Block> block;
};
Placed nest_over(const Nest& nest, const Box& box, arith::Analyzer& analyzer, const char* primitive);

// `to[…] = from[…]` over the region, which lies inside both.
Ref<Stmt> copy_nest(Name id, const Ref<Buffer>& to, const Ref<Buffer>& from, const Ref<Region>& region);
// A buffer of the same shape in another memory, and where it goes: `replacement` stands for the nest `top`, the allocation around
// everything.
Ref<Buffer> copy_of(const Ref<Buffer>& buffer, Name scope);
void place_copy(Schedule& s, const Ref<Buffer>& copy, const Ref<Stmt>& top, const Ref<Stmt>& replacement);
// The kind of a loop; refused in the primitive's name.
void set_kind(Schedule& s, const Ref<Var>& loop, ForKind how, const char* primitive);
// Regions named by hand are out of date; they are computed from the accesses when asked for.
Ref<Stmt> forget_regions(const Ref<Stmt>& body);
Ref<Stmt> without_allocation(const Ref<Stmt>& body, const Node* buffer);

} // namespace tw::schedule
