// SPDX-License-Identifier: Apache-2.0
// Memory that the threads of a kernel share, or whose size is not constant, becomes a parameter of the kernel and a value of its caller, so
// that one memory plan covers everything. Where one nest of such a kernel reads what another has written, a barrier is put between.
#include "arith/regions.h"
#include "ir/parallel_loop.h"
#include "ir/visit.h"
#include "passes/pass.h"

#include <unordered_set>

namespace tw::passes {

extern const Pass flatten_buffers_pass;

namespace {

struct Hoisted {
  std::vector<Ref<Buffer>> buffers;
};

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
  Ref<Stmt> nest;
  std::unordered_set<const Node*> read, written;
};
NestMemory memory_of(const Ref<Stmt>& nest) {
  NestMemory m{nest, {}, {}};
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

// Do two nests use the same elements, one of them for writing? What one computes for the other, surely. Where both write parts of a result,
// boxes are compared; those that overlap may be apart in memory still: rows of several dimensions that were cut as one.
bool meet(const Kernel& kernel, const NestMemory& a, const NestMemory& b, PassContext& context) {
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
  if (!any || !overlap(touched(a.nest), touched(b.nest))) return false;
  Ref<Kernel> both = make(Kernel{
      .id = kernel.id, .dims = kernel.dims, .params = kernel.params, .body = make(Seq{.body = {a.nest, b.nest}}), .attrs = kernel.attrs});
  both = flatten_buffers_pass.kernel(both, context);
  const auto* nests = as<Seq>(both->body);
  return !nests || nests->body.size() != 2 || overlap(touched(nests->body[0]), touched(nests->body[1]));
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
  for (const auto& part : nests) {
    if (is_barrier(part)) {
      since.clear();
      out.push_back(part);
      continue;
    }
    NestMemory mine = memory_of(part);
    if (std::any_of(since.begin(), since.end(), [&](const NestMemory& earlier) { return meet(kernel, earlier, mine, context); })) {
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

} // namespace

Ref<Module> hoist_allocations(const Ref<Module>& module, PassContext& context) {
  std::unordered_map<std::string, Hoisted> hoisted;
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions) {
    const auto* kernel = as<Kernel>(callable);
    if (!kernel) continue;
    Hoisted mine;
    Ref<Stmt> body = rewrite(kernel->body, [&](const Allocate& a) -> Opt<Stmt> {
      if (a.buffer->scope != "global") return {};
      mine.buffers.push_back(a.buffer);
      return a.body;
    });
    body = with_barriers(*kernel, body, context);
    if (body.same_as(kernel->body)) continue;
    std::vector<Ref<Param>> params = kernel->params.vector();
    for (const auto& b : mine.buffers) params.push_back(make(Param{.buffer = b, .access = Access::out}));
    changed.push_back(with(with(as_ref<Kernel>(callable), &Kernel::body, body), &Kernel::params, List<Ref<Param>>(std::move(params))));
    if (!mine.buffers.empty()) hoisted.emplace(kernel->id.str(), std::move(mine));
  }
  if (changed.empty()) return module;
  Ref<Module> with_kernels = with_callables(module, changed);
  changed.clear();
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
      for (const auto& b : found->second.buffers) {
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
