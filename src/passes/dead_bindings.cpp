// SPDX-License-Identifier: Apache-2.0
// Which bindings of a body are needed: one walk backwards from the results. Bodies of branches and loops are pruned on the way, so what
// only they used is found in the same walk.
#include "passes/graph_rewriter.h"

#include <unordered_set>

namespace tw::passes {
namespace {

class Pruner {
public:
  explicit Pruner(FunctionRef<bool(Name)> may_drop_call) : may_drop_call_(may_drop_call) {}

  Ref<Body> prune(const Ref<Body>& body) {
    for (const auto& result : body->results) need(result.node());
    std::vector<Ref<Binding>> kept;
    bool changed = false;
    for (size_t i = body->bindings.size(); i-- > 0;) {
      const Ref<Binding>& binding = body->bindings[i];
      if (!is_needed(*binding.get())) {
        changed = true;
        continue;
      }
      Ref<Binding> pruned = prune_operation(binding);
      changed |= !pruned.same_as(binding);
      need_below(pruned->operation.node());
      for (const auto& value : pruned->values) need_dims(value->type.node());
      kept.push_back(pruned);
    }
    if (!changed) return body;
    return with(body, &Body::bindings, List<Ref<Binding>>(kept.rbegin(), kept.rend()));
  }

private:
  bool is_needed(const Binding& binding) const {
    for (const auto& value : binding.values)
      if (needed_.count(value.node())) return true;
    for (const auto& dim : binding.dims)
      if (needed_.count(dim.node())) return true;
    return has_effect(binding.operation.node());
  }
  bool has_effect(const Node* operation) const {
    if (const auto* call = as<OpCall>(operation)) return ops::get(call->op).effect;
    if (const auto* invoke = as<Invoke>(operation)) return !may_drop_call_(invoke->callee);
    bool found = false;
    for_children(operation, [&](const Node* child) {
      if (const auto* body = as<Body>(child))
        for (const auto& binding : body->bindings) found = found || has_effect(binding->operation.node());
    });
    return found;
  }

  void need(const Node* operand) {
    if (const auto* value = as<Value>(operand); value && needed_.insert(operand).second) need_dims(value->type.node());
  }
  void need_dims(const Node* n) {
    if (const auto* tensor = as<TensorType>(n)) {
      for (const auto& size : tensor->shape) need_dims(size.node());
    } else if (as<Var>(n)) {
      needed_.insert(n);
    } else if (!as<IntImm>(n)) {
      for_children(n, [&](const Node* child) { need_dims(child); });
    }
  }
  void need_below(const Node* n) {
    if (as<Operand>(n)) return need(n);
    if (as<Expr>(n) || as<Type>(n)) return need_dims(n);
    if (const auto* body = as<Body>(n)) {
      for (const auto& binding : body->bindings) need_below(binding.node());
      for (const auto& result : body->results) need(result.node());
      return;
    }
    if (const auto* binding = as<Binding>(n)) return need_below(binding->operation.node());
    for_children(n, [&](const Node* child) { need_below(child); });
  }

  Ref<Body> nested(const Ref<Body>& body, const std::vector<bool>& keep_result) {
    std::vector<Ref<Operand>> results;
    for (size_t i = 0; i < body->results.size(); ++i)
      if (keep_result[i]) results.push_back(body->results[i]);
    return prune(results.size() == body->results.size() ? body : with(body, &Body::results, List<Ref<Operand>>(std::move(results))));
  }
  Ref<Binding> prune_operation(const Ref<Binding>& binding) {
    const auto* branch = as<Branch>(binding->operation);
    const auto* loop = as<Loop>(binding->operation);
    if (!branch && !loop) return binding;
    size_t first_droppable = loop ? binding->values.size() - static_cast<size_t>(loop->stacked) : 0;
    std::vector<bool> keep;
    std::vector<Ref<Value>> values;
    for (size_t i = 0; i < binding->values.size(); ++i) {
      keep.push_back(i < first_droppable || needed_.count(binding->values[i].node()));
      if (keep.back()) values.push_back(binding->values[i]);
    }
    if (loop && loop->conditional) keep.insert(keep.begin(), true);
    Opt<Operation> operation;
    bool same = values.size() == binding->values.size();
    if (branch) {
      Branch copy(*branch);
      copy.then = nested(branch->then, keep);
      copy.otherwise = nested(branch->otherwise, keep);
      same = same && copy.then.same_as(branch->then) && copy.otherwise.same_as(branch->otherwise);
      operation = make(std::move(copy));
    } else {
      Loop copy(*loop);
      copy.body = nested(loop->body, keep);
      copy.stacked -= static_cast<int64_t>(binding->values.size() - values.size());
      same = same && copy.body.same_as(loop->body);
      operation = make(std::move(copy));
    }
    if (same) return binding;
    Binding copy(*binding.get());
    copy.operation = as_ref<Operation>(operation);
    copy.values = std::move(values);
    return make(std::move(copy));
  }

  FunctionRef<bool(Name)> may_drop_call_;
  std::unordered_set<const Node*> needed_;
};

} // namespace

Ref<Body> without_dead_bindings(const Ref<Body>& body, FunctionRef<bool(Name)> may_drop_call) { return Pruner(may_drop_call).prune(body); }
Ref<Body> without_dead_bindings(const Ref<Body>& body) {
  return without_dead_bindings(body, [](Name) { return false; });
}

} // namespace tw::passes
