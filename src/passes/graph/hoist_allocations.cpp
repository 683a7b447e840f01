// SPDX-License-Identifier: Apache-2.0
// Memory that the threads of a kernel share, or whose size is not constant, becomes a parameter of the kernel and a value of its caller, so
// that one memory plan covers everything. Where one nest of such a kernel reads what another has written, a barrier is put between.
#include "arith/regions.h"
#include "ir/parallel_loop.h"
#include "ir/visit.h"
#include "passes/pass.h"

#include <mutex>
#include <unordered_set>

namespace tw::passes {

extern const Pass flatten_buffers_pass;

namespace {

using arith::Touched;

bool overlap(const std::vector<Ref<Region>>& a, const std::vector<Ref<Region>>& b) {
  arith::Analyzer analyzer;
  for (const auto& x : a)
    if (auto y = arith::find_region(b, x->buffer); y && !arith::disjoint(x, as_ref<Region>(y), analyzer)) return true;
  return false;
}
bool overlap(const Touched& a, const Touched& b) {
  return overlap(a.writes, b.reads) || overlap(a.writes, b.writes) || overlap(a.reads, b.writes);
}

Touched touched(const Ref<Stmt>& nest) {
  arith::Analyzer analyzer;
  return arith::touched_by(nest, analyzer);
}

// A nest, and the buffers that it uses.
struct NestMemory {
  size_t position; // in its kernel
  std::unordered_set<const Node*> read, written;
};
NestMemory memory_of(const Ref<Stmt>& nest, size_t position) {
  NestMemory m{position, {}, {}};
  visit(
      nest,
      [&](const Load& load, Walk walk) {
        m.read.insert(load.buffer.node());
        walk(static_cast<const Node*>(&load));
      },
      [&](const Store& store, Walk walk) {
        m.written.insert(store.buffer.node());
        walk(static_cast<const Node*>(&store));
      });
  return m;
}

// The boxes that the nests of a kernel touch, found when first asked for, once for each nest however many others it is compared with.
class Boxes {
public:
  Boxes(const Kernel& kernel, const std::vector<Ref<Stmt>>& nests, PassContext& context)
      : kernel_(kernel), context_(context), nests_(nests), boxes_(nests.size()), flat_boxes_(nests.size()) {}

  bool overlap(size_t a, size_t b) { return passes::overlap(of(a, nests_, boxes_), of(b, nests_, boxes_)); }
  // The same for memory as one dimension.
  bool overlap_flat(size_t a, size_t b) {
    if (flat_.empty()) {
      Ref<Kernel> kernel =
          flatten_buffers_pass.kernel(with(ref_to(kernel_), &Kernel::body, Ref<Stmt>(make(Seq{.body = nests_}))), context_);
      if (const auto* nests = as<Seq>(kernel->body)) flat_ = nests->body.vector();
    }
    return flat_.size() != nests_.size() || passes::overlap(of(a, flat_, flat_boxes_), of(b, flat_, flat_boxes_));
  }

private:
  static const Touched& of(size_t nest, const std::vector<Ref<Stmt>>& nests, std::vector<std::optional<Touched>>& boxes) {
    if (!boxes[nest]) boxes[nest] = touched(nests[nest]);
    return *boxes[nest];
  }

  const Kernel& kernel_;
  PassContext& context_;
  std::vector<Ref<Stmt>> nests_, flat_;
  std::vector<std::optional<Touched>> boxes_, flat_boxes_;
};

// Do two nests use the same elements, one of them for writing? What one computes for the other, surely. Where both write parts of a result,
// boxes are compared; those that overlap may be apart in memory still: rows of several dimensions that were cut as one.
bool meet(const Kernel& kernel, const NestMemory& a, const NestMemory& b, Boxes& boxes) {
  auto is_result = [&](const Node* buffer) {
    return std::any_of(kernel.params.begin(), kernel.params.end(), [&](const auto& p) { return p->buffer.node() == buffer; });
  };
  bool any = false;
  for (auto [x, y] : {std::pair(&a.written, &b.read), std::pair(&a.written, &b.written), std::pair(&a.read, &b.written)})
    for (const Node* buffer : *x) {
      if (!y->contains(buffer)) continue;
      if (!is_result(buffer)) return true;
      any = true;
    }
  return any && boxes.overlap(a.position, b.position) && boxes.overlap_flat(a.position, b.position);
}

bool is_barrier(const Ref<Stmt>& s) {
  const auto* e = as<Evaluate>(s);
  const auto* c = e ? as<Call>(e->value) : nullptr;
  return c && c->intrinsic == "barrier";
}

// The nests in their order. Where an allocation has been, a sequence may stand inside a sequence.
void append_nests(const Seq& s, std::vector<Ref<Stmt>>& out) {
  for (const auto& part : s.body)
    if (const auto* inner = as<Seq>(part)) append_nests(*inner, out);
    else out.push_back(part);
}

// Nests of a kernel that threads share run after one another: a nest without a shared loop is for one thread, others wait.
Ref<Stmt> with_barriers(const Kernel& kernel, const Ref<Stmt>& body, PassContext& context) {
  if (const auto* a = as<Allocate>(body)) return with(as_ref<Allocate>(body), &Allocate::body, with_barriers(kernel, a->body, context));
  const auto* x = as<Seq>(body);
  if (!x || !has_parallel_loop(body)) return body;
  std::vector<Ref<Stmt>> nests, out;
  append_nests(*x, nests);
  std::vector<NestMemory> since;
  Boxes boxes(kernel, nests, context);
  for (size_t i = 0; i < nests.size(); ++i) {
    const Ref<Stmt>& part = nests[i];
    if (is_barrier(part)) {
      since.clear();
      out.push_back(part);
      continue;
    }
    NestMemory mine = memory_of(part, i);
    if (std::any_of(since.begin(), since.end(), [&](const NestMemory& earlier) { return meet(kernel, earlier, mine, boxes); })) {
      out.push_back(make(Evaluate{.value = call("barrier", {})}));
      since.clear();
    }
    since.push_back(mine);
    if (has_parallel_loop(part)) {
      out.push_back(part);
    } else {
      // One iteration, shared: exactly one thread takes it.
      out.push_back(make(For{.begin = imm(0), .extent = imm(1), .var = var("once"), .body = part, .how = ForKind::parallel}));
    }
  }
  return seq(std::move(out));
}

// The kernel with its shared memory as parameters; those buffers.
Ref<Kernel> hoist(const Ref<Kernel>& kernel, std::vector<Ref<Buffer>>& buffers, PassContext& context) {
  Ref<Stmt> body = rewrite(kernel->body, [&](const Allocate& a) -> Opt<Stmt> {
    if (a.buffer->scope != "global") return {};
    buffers.push_back(a.buffer);
    return a.body;
  });
  body = with_barriers(*kernel, body, context);
  if (body.same_as(kernel->body)) return kernel;
  std::vector<Ref<Param>> params = kernel->params.vector();
  for (const auto& b : buffers) params.push_back(make(Param{.buffer = b, .access = Access::out}));
  return with(with(kernel, &Kernel::body, body), &Kernel::params, List<Ref<Param>>(std::move(params)));
}

} // namespace

Ref<Module> hoist_allocations(const Ref<Module>& module, PassContext& context) {
  std::mutex mutex;
  std::unordered_map<std::string, std::vector<Ref<Buffer>>> hoisted;
  Ref<Module> with_kernels = map_kernels(module, context, [&](const Ref<Kernel>& kernel, PassContext& own) {
    std::vector<Ref<Buffer>> buffers;
    Ref<Kernel> out = hoist(kernel, buffers, own);
    std::lock_guard lock(mutex);
    if (!buffers.empty()) hoisted.emplace(kernel->id.str(), std::move(buffers));
    return out;
  });
  if (hoisted.empty()) return with_kernels;
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : with_kernels->functions) {
    if (!as<Function>(callable)) continue;
    Ref<Function> function = as_ref<Function>(callable);
    Ref<Function> rewritten = rewrite(function, [&](const Binding& binding) -> Opt<Node> {
      const auto* invoke = as<Invoke>(binding.operation);
      auto found = invoke ? hoisted.find(invoke->callee.str()) : hoisted.end();
      if (found == hoisted.end()) return {};
      Ref<Kernel> kernel = as_ref<Kernel>(find_callable(with_kernels, invoke->callee));
      Substitution actual;
      for (size_t i = 0; i < kernel->dims.size(); ++i) actual.emplace(kernel->dims[i].node(), invoke->scalars[i]);
      std::vector<Ref<Value>> values = binding.values.vector();
      std::vector<Ref<Type>> outputs = invoke->outputs.vector();
      for (const auto& b : found->second) {
        std::vector<Ref<Expr>> shape;
        for (const auto& e : b->shape) shape.push_back(substitute(e, actual));
        Ref<Type> type = tensor_type(shape, b->element);
        outputs.push_back(type);
        values.push_back(make(Value{.id = b->id, .type = type}));
      }
      return make(Binding{.values = std::move(values),
                          .operation = with(ref_to(*invoke), &Invoke::outputs, List<Ref<Type>>(std::move(outputs))),
                          .dims = binding.dims});
    });
    changed.push_back(rewritten);
  }
  return with_callables(with_kernels, changed);
}

extern const Pass hoist_allocations_pass;
const Pass hoist_allocations_pass = {.name = "hoist_allocations",
                                     .doc = "turns memory that a kernel's threads share into values of its caller; adds barriers",
                                     .graph = hoist_allocations};

} // namespace tw::passes
