// SPDX-License-Identifier: Apache-2.0
// A kernel being scheduled. References stay good while the thing exists: a block is its id, a loop is its variable, a buffer is its Buffer.
// Primitives (primitives/, one file each) change the kernel and check that the change is legal; rules (rules/) call primitives with the
// sizes that the cost model picks.
//
// A primitive's declaration (primitive.h) is in its file; declared here is what rules and tests in C++ call.
//
// Form of a kernel at the start: allocations around a sequence of nests; a nest is loops around one Block, whose iterations bind the loops.
#pragma once

#include "arith/analyzer.h"
#include "ir/build.h"
#include "ir/derived.h"
#include "target/target.h"

#include <unordered_set>

namespace tw::schedule {

// What primitives have done to a kernel, as lines of Python over a schedule `s`: apply_trace (trace.h) does it again to an equal kernel.
struct Trace {
  std::string text;
  std::unordered_map<const Node*, std::string> names; // of loops and buffers that lines have introduced
  std::unordered_set<std::string> taken;
  std::vector<Ref<Node>> kept; // what has a name lives on, so that its address stays its own
  int depth = 0;               // primitives may call others
};

// An attribute of kernels: its loops are as somebody wants them.
inline constexpr const char* scheduled_attribute = "scheduled";

class Schedule {
public:
  Schedule(Ref<Kernel> kernel, const Target& target) : kernel_(std::move(kernel)), target_(target) {}

  const Ref<Kernel>& kernel() const { return kernel_; }
  const Target& target() const { return target_; }

  // Blocks in order of the text.
  std::vector<Ref<Block>> blocks() const;
  Ref<Block> block(Name id) const;
  // The loops around the block, outermost first.
  std::vector<Ref<For>> loops(Name block) const;
  Ref<For> loop(const Ref<Var>& variable) const;
  // Statements from the kernel's body down to the node, both included; empty if the node is not there.
  std::vector<const Node*> path(const Node* node) const;
  // The buffer is a parameter of the kernel.
  bool is_parameter(const Buffer& buffer) const;

  // Puts `replacement` where `node` stands; an empty one removes the statement, and loops and allocations that become empty with it.
  void replace(const Node* node, const Opt<Stmt>& replacement);
  void set_body(const Ref<Stmt>& body);
  Name unique_block(const std::string& id) const;
  // What a copy of this schedule has become.
  void adopt(Schedule attempt);

  // Parameters, then what is allocated, in order of the text.
  std::vector<Ref<Buffer>> buffers() const;
  // The one loop or buffer of that name.
  Ref<Var> loop_named(const std::string& name) const;
  Ref<Buffer> buffer_named(const std::string& name) const;

  // From now on primitives write down what they do.
  void keep_trace() { trace_.emplace(); }
  bool records() const { return trace_ && trace_->depth == 0; }
  std::optional<Trace>& trace() { return trace_; }

private:
  Ref<Kernel> kernel_;
  const Target& target_;
  std::optional<Trace> trace_;
};

// What a sentence is about: a loop, a block, a buffer, or the kernel.
struct Place {
  Place(const Ref<Var>& loop) : text("loop '" + loop->id.str() + "'"), node(loop) {}
  Place(Name block) : text("block '" + block.str() + "'"), block(block) {}
  Place(const Ref<Buffer>& buffer) : text("buffer '" + buffer->id.str() + "'"), node(buffer) {}
  Place(const Ref<Kernel>& kernel) : text("kernel '" + kernel->id.str() + "'") {}
  std::string text;
  Opt<Node> node;
  Name block = {};
};
// A refused primitive: the user's mistake, with the sentence that does not hold and what it is about.
class ScheduleError : public Error {
public:
  ScheduleError(const std::string& message, const Place& place) : Error(ErrorKind::user, message), place_(place) { at(place.text); }
  const Place& place() const { return place_; }

private:
  Place place_;
};
ScheduleError schedule_error(const char* primitive, const Place& place, const std::string& sentence);

// ---- primitives
using Loops = std::vector<Ref<Var>>;
// One loop becomes a nest of two: extent // factor times factor. The factor divides the extent.
Loops split(Schedule& s, const Ref<Var>& loop, int64_t factor);
// One loop of constant extent becomes ceil(extent / most) steps of nearly equal size: `if` steps of one more point come first.
// Gives the step loop and the inner loops (one or two, of constant extent), each with a copy of the body.
struct EvenSplit {
  Ref<Var> step;
  Loops inner;
};
EvenSplit split_evenly(Schedule& s, const Ref<Var>& loop, int64_t most);
// One loop becomes two in sequence, [0, at) and [at, extent). Gives both.
Loops partition(Schedule& s, const Ref<Var>& loop, const Ref<Expr>& at);
// Two loops, one directly inside the other, become one.
Ref<Var> fuse(Schedule& s, const Ref<Var>& outer, const Ref<Var>& inner);
// Puts loops of one perfect nest into the given order.
void reorder(Schedule& s, const Loops& order);
void parallel(Schedule& s, const Ref<Var>& loop);
void vectorise(Schedule& s, const Ref<Var>& loop);
void unroll(Schedule& s, const Ref<Var>& loop);
// Loops of one iteration that carry no reduction go.
void drop_unit_loops(Schedule& s);
// Every read of what the block computes becomes the computation; the block goes.
void inline_block(Schedule& s, Name block);
// Two neighbouring nests become one: the second's outer loop runs inside the first's. Each iteration of the second may read only what the
// same iteration of the first has written.
void merge_loops(Schedule& s, const Ref<Var>& first, const Ref<Var>& second);
// A reduction under constant loops becomes a register tile: loops from `outermost` down to `column` are rows, `column` is vectorised, loops
// inside it are the reduction. Maps that follow inside the column loop become the tile's epilogue.
void tensorize(Schedule& s, Name reduction, const Ref<Var>& outermost, const Ref<Var>& column);
// The reduction's init becomes a block of its own before the loop, around which no reduce loop stands. Gives the new block.
Name decompose_reduction(Schedule& s, Name reduction, const Ref<Var>& loop);
// Independent partial reductions, one for each iteration of the reduce loop, and a reduction of their results.
struct RFactor {
  Name partial;        // the new block
  Ref<Var> lane_loop;  // its outermost loop: the old loop
  Ref<Var> final_loop; // the loop of the block that reduces the partial results
};
RFactor rfactor(Schedule& s, Name reduction, const Ref<Var>& loop);

} // namespace tw::schedule
