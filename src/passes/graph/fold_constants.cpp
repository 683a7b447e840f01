// SPDX-License-Identifier: Apache-2.0
// Operator calls whose arguments are all constant are done now, within budgets of bytes and steps. Moving elements (transposes, slices,
// what is expanded) is written down and done with the last copy (ir/arrangement.h); where to is read off the operator's own loops. All else
// runs through the reference interpreter, so that folding and running cannot disagree.
#include "interpreter/interpret.h"
#include "ir/arrangement.h"
#include "ops/call_kernel.h"
#include "ops/contents.h"
#include "passes/graph_rewriter.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

int64_t count_of(const Shape& shape) {
  int64_t count = 1;
  for (const auto& e : shape) count *= as_int(e).value_or(0);
  return count;
}

// Where the kernel of an operator that only moves elements reads its one operand; empty if it does anything else.
struct Movement {
  size_t operand; // of the kernel's parameters
  std::vector<ReadAt> reads;
};
std::optional<Movement> movement_of(const Kernel& kernel) {
  std::vector<Ref<Var>> loops;
  Ref<Stmt> body = kernel.body;
  for (const auto* f = as<For>(body); f; f = as<For>(body)) {
    loops.push_back(f->var);
    body = f->body;
  }
  const auto* block = as<Block>(body);
  const auto* store = as<Store>(block ? block->body : body);
  const auto* load = store ? as<Load>(store->value) : nullptr;
  if (!load || load->mask || store->mask || (block && (block->where || block->init))) return {};
  Substitution values;
  if (block)
    for (const auto& iter : block->iters) values.emplace(iter->var.node(), iter->value);
  if (store->index.size() != loops.size()) return {};
  for (size_t d = 0; d < loops.size(); ++d)
    if (!substitute(store->index[d], values).same_as(loops[d])) return {};
  Movement out{.operand = kernel.params.size(), .reads = {}};
  for (size_t p = 0; p < kernel.params.size(); ++p)
    if (kernel.params[p]->buffer.same_as(load->buffer)) out.operand = p;
  arith::Analyzer analyzer;
  for (const auto& index : load->index) {
    auto form = arith::affine(substitute(index, values), loops, analyzer);
    auto begin = form ? as_int(form->rest) : std::nullopt;
    if (!begin) return {};
    ReadAt read{.dimension = {}, .begin = *begin};
    for (size_t d = 0; d < loops.size(); ++d) {
      auto step = as_int(form->coefficients[d]);
      if (!step || *step < 0 || (*step > 0 && read.dimension)) return {};
      if (*step > 0) read = {.dimension = d, .begin = *begin, .step = *step};
    }
    for (const ReadAt& other : out.reads)
      if (read.dimension && other.dimension == read.dimension) return {};
    out.reads.push_back(read);
  }
  return out;
}

class Folder {
public:
  explicit Folder(PassContext& context) : context_(context), steps_{context.options.fold_steps} {}

  Replacement operator()(GraphRewriter& graph, const OpCall& call) {
    const ops::OpDef& op = ops::get(call.op);
    if (call.op == "shape_of") return known_sizes(call);
    if (op.effect || call.args.empty() || (!op.compute && !op.decompose)) return {};
    for (const auto& a : call.args)
      if (a && !as<Constant>(a)) return {};
    int64_t bytes = 0;
    for (const auto& v : graph.binding().values) {
      Ref<TensorType> type = tensor_of(v);
      if (!static_shape(type->shape)) return {};
      bytes += count_of(type->shape) * type->element.bytes();
    }
    if (call.op == "reshape") {
      const Constant& x = *as<Constant>(call.args[0]);
      return Operands{make(Constant{.type = tensor_of(graph.binding().values[0]), .data = x.data, .id = x.id})};
    }
    if (call.op == "transpose")
      if (Replacement moved = move(call, graph.binding())) return moved;
    if (bytes > context_.options.fold_bytes || steps_.steps <= 0) {
      context_.remark(call.op.str(),
                      fmt::format("constant result of {} bytes is computed in each run: the budget for folding is spent", bytes));
      return {};
    }
    // What grows counts as what is computed.
    if (op.fusion == ops::Fusion::elementwise || op.fusion == ops::Fusion::injective)
      if (Replacement moved = move(call, graph.binding())) {
        steps_.steps -= bytes / as_ref<TensorType>(tensor_of(graph.binding().values[0]))->element.bytes();
        return moved;
      }
    return evaluate(call);
  }

private:
  // Sizes that are numbers are constant whatever the tensor holds.
  static Replacement known_sizes(const OpCall& call) {
    auto contents = ops::fold_call(call, {nullptr});
    if (!contents) return {};
    std::vector<double> sizes;
    for (const auto& element : contents->front().elements) {
      auto size = as_int(element);
      if (!size) return {};
      sizes.push_back(static_cast<double>(*size));
    }
    auto count = static_cast<int64_t>(sizes.size());
    return Operands{interpreter::Array::of(i64, {count}, sizes).constant()};
  }
  // Elements of one operand in other places: copied when they are wanted.
  static Replacement move(const OpCall& call, const Binding& binding) {
    if (!ops::get(call.op).compute || binding.values.size() != 1) return {};
    Ref<TensorType> type = tensor_of(binding.values[0]);
    if (count_of(type->shape) == 0) return {};
    auto movement = movement_of(*ops::build_kernel(call));
    std::vector<const Constant*> present;
    for (const auto& a : call.args)
      if (a) present.push_back(as<Constant>(a));
    if (!movement || movement->operand >= present.size()) return {};
    const Constant& x = *present[movement->operand];
    auto from = static_shape(x.type->shape), to = static_shape(type->shape);
    if (!from || !to || x.type->element != type->element) return {};
    for (size_t d = 0; d < from->size(); ++d) {
      const ReadAt& read = movement->reads[d];
      int64_t last = read.begin + (read.dimension ? read.step * ((*to)[*read.dimension] - 1) : 0);
      if (read.begin < 0 || last >= (*from)[d]) return {};
    }
    Blob data = indexed(x.data, type->element, *from, movement->reads, *to);
    return Operands{make(Constant{.type = type, .data = std::move(data), .id = x.id})};
  }
  Replacement evaluate(const OpCall& call) {
    std::vector<interpreter::Array> inputs;
    for (const auto& a : call.args)
      if (a) inputs.push_back(interpreter::Array::of(*as<Constant>(a)));
    try {
      Operands results;
      for (const auto& array : interpreter::interpret_call(call, inputs, {}, &steps_)) results.push_back(array.constant());
      return results;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::unsupported) throw;
      context_.remark(call.op.str(), "a constant result is computed in each run: " + e.message());
      return {};
    }
  }

  PassContext& context_;
  interpreter::Limits steps_;
};

Ref<Module> fold_constants(const Ref<Module>& module, PassContext& context) {
  Folder folder(context);
  return rewrite_calls(module, [&](GraphRewriter& graph, const OpCall& call) { return folder(graph, call); });
}

} // namespace

extern const Pass fold_constants_pass;
const Pass fold_constants_pass = {
    .name = "fold_constants", .doc = "evaluates operators whose arguments are all constant", .graph = fold_constants};

} // namespace tw::passes
