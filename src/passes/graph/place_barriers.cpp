// SPDX-License-Identifier: Apache-2.0
// Threads go through the kernels of a function by themselves. Where one kernel reads or writes what another thread may still write or read,
// a barrier is put before it. Memory is compared as it was planned: arena by bytes, parts of one larger value (concatenations in place) as
// boxes inside it, so that kernels that fill different parts go on side by side, and so do independent branches of a model.
#include "arith/analyzer.h"
#include "ir/parallel_loop.h"
#include "ir/visit.h"
#include "passes/fusion.h"
#include "passes/graph_rewriter.h"
#include "passes/operands.h"
#include "passes/pass.h"
#include "passes/placement.h"

#include <unordered_set>

namespace tw::passes {
namespace {

constexpr size_t most_pending = 64; // kernels since the last barrier that are looked at

struct Range {
  int64_t begin, end;
  bool meets(const Range& other) const { return begin < other.end && other.begin < end; }
};
// Indices of one dimension.
struct Stretch {
  Ref<Expr> begin, end;
  bool lies_before(const Stretch& other) const {
    auto mine = as_int(end), others = as_int(other.begin);
    return mine && others ? *mine <= *others : arith::Analyzer().prove(end <= other.begin);
  }
};

// The memory of an operand: its place, or nothing where that is not known before the run.
struct Memory {
  const Node* whole = nullptr;
  std::optional<StorageKind> where;
  Range bytes{0, 1};        // of the arena; a number otherwise
  std::vector<Stretch> box; // inside the whole
};

bool meet(const Memory& a, const Memory& b) {
  if (!a.where || !b.where) return true;
  if (*a.where != *b.where || !a.bytes.meets(b.bytes)) return false;
  if (a.whole != b.whole) return true;
  for (size_t d = 0; d < a.box.size(); ++d)
    if (a.box[d].lies_before(b.box[d]) || b.box[d].lies_before(a.box[d])) return false;
  return true;
}

// What a kernel does to memory, and whether all threads take part.
struct Work {
  std::vector<Memory> reads, writes;
  bool shared = true;
};

bool any_meet(const std::vector<Memory>& a, const std::vector<Memory>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const Memory& x) { return std::any_of(b.begin(), b.end(), [&](const Memory& y) { return meet(x, y); }); });
}
bool must_wait(const Work& later, const Work& earlier) {
  if (!later.shared && !earlier.shared) return false; // the first thread does both
  return any_meet(earlier.writes, later.reads) || any_meet(earlier.writes, later.writes) || any_meet(earlier.reads, later.writes);
}

// How threads go through a kernel.
struct Threads {
  bool share = false, meet = false; // its loops; at a barrier
};
Threads threads_in(const Kernel& kernel) {
  Threads out{.share = has_parallel_loop(kernel.body)};
  visit(kernel.body, [&](const Call& call) { out.meet = out.meet || call.intrinsic == "barrier"; });
  return out;
}

class Placer {
public:
  Placer(const std::unordered_map<Name, Threads>& kernels, const Ref<Function>& function)
      : kernels_(kernels), function_(function), places_(placements(*function->body)) {
    for (const auto& p : function->body->params) unwritten_.insert(p.node());
  }

  Ref<Function> run() { return with(function_, &Function::body, body(function_->body)); }

private:
  Ref<Body> body(const Ref<Body>& body) {
    std::vector<Ref<Binding>> out;
    for (const auto& binding : body->bindings) {
      if (const auto* branch = as<Branch>(binding->operation)) {
        before(out, {.reads = memories({branch->cond.node()})});
        out.push_back(with(binding, &Binding::operation, Ref<Operation>(sides(ref_to(*branch)))));
        continue;
      }
      if (const auto* invoke = as<Invoke>(binding->operation)) launch(out, *binding, *invoke);
      const auto* call = as<OpCall>(binding->operation);
      if (call && call->op == "read_sizes") before(out, {.reads = memories({call->args[0].node()})});
      if (call && call->op == "barrier") pending_.clear();
      out.push_back(binding);
    }
    return with(body, &Body::bindings, List<Ref<Binding>>(std::move(out)));
  }

  Ref<Branch> sides(const Ref<Branch>& branch) {
    std::vector<Work> start = pending_;
    Ref<Body> then = body(branch->then);
    std::swap(start, pending_);
    Ref<Body> otherwise = body(branch->otherwise);
    pending_.insert(pending_.end(), start.begin(), start.end());
    return with(with(branch, &Branch::then, then), &Branch::otherwise, otherwise);
  }

  void before(std::vector<Ref<Binding>>& out, const Work& work) {
    bool waits = pending_.size() >= most_pending ||
                 std::any_of(pending_.begin(), pending_.end(), [&](const Work& earlier) { return must_wait(work, earlier); });
    if (!waits) return;
    pending_.clear();
    out.push_back(make(Binding{.values = {}, .operation = make(OpCall{.op = "barrier"})}));
  }

  void launch(std::vector<Ref<Binding>>& out, const Binding& binding, const Invoke& invoke) {
    const Threads& threads = kernels_.at(invoke.callee);
    Work work{.reads = {}, .writes = {}, .shared = threads.share};
    for (const auto& a : invoke.args) append(work.reads, a.node());
    for (const auto& v : binding.values) {
      append(work.writes, v.node());
      // Whoever asks for memory during the run waits for all.
      if (v->storage && v->storage->where == StorageKind::slot) pending_.clear();
    }
    before(out, work);
    if (threads.meet) pending_.clear();
    pending_.push_back(std::move(work));
  }

  std::vector<Memory> memories(std::initializer_list<const Node*> operands) const {
    std::vector<Memory> out;
    for (const Node* operand : operands) append(out, operand);
    return out;
  }

  void append(std::vector<Memory>& out, const Node* operand) const {
    const auto* value = as<Value>(operand);
    while (value && value->storage && value->storage->where == StorageKind::alias) value = as<Value>((operand = value->storage->of.node()));
    if (!value || unwritten_.contains(operand)) return; // constants and inputs
    out.push_back(memory(*value));
  }

  Memory memory(const Value& value) const {
    Memory m{.whole = &value};
    auto part = places_.find(&value);
    if (part != places_.end()) m.whole = part->second.whole;
    if (!value.storage) return m; // of a branch: one of two places
    m.where = value.storage->where;
    int64_t place = value.storage->offset;
    Shape own = shape_of_operand(&value);
    m.bytes = {place, place + 1};
    if (*m.where == StorageKind::arena)
      m.bytes.end = place + as_int(element_count(shape_of_operand(m.whole))).value() * tensor_of(&value)->element.bytes();
    for (size_t d = 0; d < own.size(); ++d) {
      Ref<Expr> begin = part == places_.end() ? imm(0) : part->second.begin[d];
      m.box.push_back({begin, arith::simplify(begin + own[d])});
    }
    return m;
  }

  const std::unordered_map<Name, Threads>& kernels_;
  Ref<Function> function_;
  Placements places_;
  std::unordered_set<const Node*> unwritten_;
  std::vector<Work> pending_; // since the last barrier
};

} // namespace

Ref<Module> place_barriers(const Ref<Module>& module, PassContext&) {
  std::unordered_map<Name, Threads> kernels;
  for (const auto& callable : module->functions)
    if (const auto* kernel = as<Kernel>(callable)) kernels.emplace(kernel->id, threads_in(*kernel));
  return map_functions(module, [&](const Ref<Function>& function) { return Placer(kernels, function).run(); });
}

extern const Pass place_barriers_pass;
const Pass place_barriers_pass = {
    .name = "place_barriers", .doc = "lets threads wait for each other where kernels use the same memory", .graph = place_barriers};

} // namespace tw::passes
