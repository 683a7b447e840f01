// SPDX-License-Identifier: Apache-2.0
// Operator calls whose arguments are all constant are done now, within budgets of bytes and steps. Moving the elements of weights is
// written down and done with the last copy (ir/arrangement.h); everything else runs through the reference interpreter, so that folding and
// running cannot disagree.
#include "interpreter/interpret.h"
#include "ir/arrangement.h"
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

// transpose of a constant: its elements in another order, copied when they are wanted.
Opt<Constant> fold_transpose(const OpCall& call, const Constant& x, const Ref<TensorType>& type) {
  const List<int64_t>* perm = nullptr;
  for (const auto& a : call.attrs)
    if (a->name == "axes") perm = std::get_if<List<int64_t>>(&a->value);
  auto shape = static_shape(x.type->shape);
  if (!shape || shape->empty() || count_of(type->shape) == 0) return {};
  std::vector<int64_t> axes;
  for (size_t d = 0; d < shape->size(); ++d)
    axes.push_back(perm && !perm->empty() ? (*perm)[d] : static_cast<int64_t>(shape->size() - 1 - d));
  return make(Constant{.type = type, .data = permuted(x.data, type->element, *shape, axes), .id = x.id});
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
    if (call.op == "reshape" || call.op == "transpose") {
      const Constant& x = *as<Constant>(call.args[0]);
      Ref<TensorType> type = tensor_of(graph.binding().values[0]);
      if (call.op == "reshape") return Operands{make(Constant{.type = type, .data = x.data, .id = x.id})};
      if (Opt<Constant> folded = fold_transpose(call, x, type)) return Operands{as_ref<Constant>(folded)};
    }
    if (bytes > context_.options.fold_bytes || steps_.steps <= 0) {
      context_.remark(call.op.str(),
                      fmt::format("constant result of {} bytes is computed in each run: the budget for folding is spent", bytes));
      return {};
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
