// SPDX-License-Identifier: Apache-2.0
#include "passes/graph_rewriter.h"

namespace tw::passes {

const OpCall* GraphRewriter::producer(const Node* operand) const {
  for (const GraphRewriter* scope = this; scope; scope = scope->outer_)
    if (auto found = scope->producers_.find(operand); found != scope->producers_.end()) return found->second;
  return nullptr;
}

List<Ref<Value>> GraphRewriter::results_of(const OpCall& call) const {
  for (const GraphRewriter* scope = this; scope; scope = scope->outer_)
    if (auto found = scope->results_.find(&call); found != scope->results_.end()) return found->second;
  throw internal_error("the results of a call of '{}' are not known here", call.op.str());
}

bool GraphRewriter::single_use(const Node* operand) const {
  // Seen from a nested body, a value of an outer one counts as used often: the nested body may run any number of times.
  auto found = uses_.find(operand);
  return found != uses_.end() && found->second == 1 && producers_.count(operand);
}

Ref<Operand> GraphRewriter::map(const Ref<Operand>& operand) const {
  for (const GraphRewriter* scope = this; scope; scope = scope->outer_)
    if (auto found = scope->replaced_.find(operand.node()); found != scope->replaced_.end()) return as_ref<Operand>(found->second);
  return operand;
}

void GraphRewriter::count_uses(const Node* n, int64_t sign) {
  if (const auto* call = as<OpCall>(n)) {
    for (const auto& arg : call->args)
      if (arg) uses_[arg.node()] += sign;
    return;
  }
  if (as<Value>(n)) {
    uses_[n] += sign;
    return;
  }
  if (as<Expr>(n) || as<Type>(n) || as<Constant>(n)) return;
  if (const auto* binding = as<Binding>(n)) return count_uses(binding->operation.node(), sign);
  for_children(n, [&](const Node* child) { count_uses(child, sign); });
}

void GraphRewriter::define(const Ref<Binding>& binding) {
  out_.push_back(binding);
  if (const auto* call = as<OpCall>(binding->operation)) {
    for (const auto& value : binding->values) producers_[value.node()] = call;
    results_.insert_or_assign(call, binding->values);
  }
}

void GraphRewriter::emit(const Ref<Binding>& binding) {
  count_uses(binding->operation.node(), 1);
  define(binding);
}

std::vector<Ref<Value>> GraphRewriter::call_in_place(Name op, std::vector<Opt<Operand>> args, std::vector<Ref<Attr>> attrs) {
  Ref<OpCall> call = make(OpCall{.op = op, .args = std::move(args), .attrs = std::move(attrs)});
  std::vector<Ref<Value>> values;
  for (const auto& type : ops::infer_types(*call.get())) {
    bool named = values.size() < current_->values.size();
    values.push_back(make(Value{.id = named ? current_->values[values.size()]->id : op, .type = type}));
  }
  emit(make(Binding{.values = values, .operation = call}));
  return values;
}

Ref<Body> GraphRewriter::nested(const Ref<Body>& body, Rule rule) {
  GraphRewriter inner(this, retype_);
  Ref<Body> result = inner.run(body, rule);
  changed_ |= inner.changed_;
  return result;
}

Ref<Operation> GraphRewriter::map_operation(const Ref<Operation>& operation, Rule rule) {
  return as_ref<Operation>(map_children(operation.node(), [&](const Node* child) -> Opt<Node> {
    if (as<Operand>(child)) return map(as_ref<Operand>(child));
    if (as<Body>(child)) return nested(as_ref<Body>(child), rule);
    return Opt<Node>(child, 0);
  }));
}

void GraphRewriter::keep(const Ref<Binding>& original, const Ref<Operation>& operation) {
  bool same = operation.same_as(original->operation);
  const auto* call = as<OpCall>(operation);
  // Where an argument is another node, its type may be better known than before. Results that bring their own dims keep their types.
  bool again = call && original->dims.empty() && !original->values.empty() && (!same || retype_);
  std::vector<Ref<Value>> values = original->values.vector();
  bool retyped = false;
  if (again) {
    ops::Types types = ops::infer_types(*call);
    for (size_t i = 0; i < values.size(); ++i) {
      if (equal(types[i], values[i]->type)) continue;
      Ref<Value> fresh = with(values[i], &Value::type, Ref<Type>(types[i]));
      replaced_.insert_or_assign(values[i].node(), fresh);
      uses_[fresh.node()] += uses_[values[i].node()];
      values[i] = fresh;
      retyped = true;
    }
  }
  if (same && !retyped) return define(original);
  changed_ = true;
  Binding copy(*original.get());
  copy.operation = operation;
  copy.values = std::move(values);
  define(make(std::move(copy)));
}

void GraphRewriter::replace(const Ref<Binding>& original, Operands results, size_t first_emitted) {
  changed_ = true;
  TW_CHECK(results.size() == original->values.size(), "a rule gives {} results for {}", results.size(), original->values.size());
  count_uses(original->operation.node(), -1);
  // A new binding that gives just these results takes over the names, and the values themselves where the types are equal: then their
  // users need no change.
  if (out_.size() > first_emitted && out_.back()->values.size() == results.size()) {
    const Ref<Binding> last = out_.back();
    bool gives_all = true;
    for (size_t i = 0; i < results.size(); ++i)
      gives_all = gives_all && last->values[i].same_as(results[i]) && uses_[results[i].node()] == 0;
    if (gives_all) {
      std::vector<Ref<Value>> values;
      for (size_t i = 0; i < results.size(); ++i) {
        const Ref<Value>& old = original->values[i];
        values.push_back(equal(old->type, last->values[i]->type) ? old : with(old, &Value::type, last->values[i]->type));
        producers_.erase(results[i].node());
        results[i] = values.back();
      }
      out_.pop_back();
      define(with(last, &Binding::values, List<Ref<Value>>(std::move(values))));
    }
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const Node* old = original->values[i].node();
    if (results[i].same_as(old)) continue;
    replaced_.insert_or_assign(old, results[i]);
    uses_[results[i].node()] += uses_[old];
  }
}

Ref<Body> GraphRewriter::run(const Ref<Body>& body, Rule rule) {
  for (const auto& binding : body->bindings) count_uses(binding->operation.node(), 1);
  for (const auto& result : body->results) count_uses(result.node(), 1);
  for (const auto& binding : body->bindings) {
    OriginScope origin(binding->origin ? binding->origin : binding->operation->origin);
    Ref<Operation> operation = map_operation(binding->operation, rule);
    current_ = binding;
    if (const auto* call = as<OpCall>(operation); call && !binding->values.empty()) {
      size_t first_emitted = out_.size();
      if (Replacement results = rule(*this, *call)) {
        replace(binding, std::move(*results), first_emitted);
        continue;
      }
    }
    keep(binding, operation);
  }
  std::vector<Ref<Operand>> results;
  for (const auto& result : body->results) results.push_back(map(result));
  if (!changed_ && out_.size() == body->bindings.size()) {
    bool same = true;
    for (size_t i = 0; i < results.size(); ++i) same = same && results[i].same_as(body->results[i]);
    if (same) return body;
  }
  Body copy(*body.get());
  copy.bindings = std::move(out_);
  copy.results = std::move(results);
  return without_dead_bindings(make(std::move(copy)));
}

Ref<Function> rewrite_calls(const Ref<Function>& function, GraphRewriter::Rule rule, int sweeps, bool retype) {
  Ref<Function> result = function;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    GraphRewriter rewriter(nullptr, retype);
    Ref<Body> body = rewriter.run(result->body, rule);
    if (body.same_as(result->body)) break;
    result = with(result, &Function::body, body);
  }
  return result;
}

Ref<Module> map_functions(const Ref<Module>& module, FunctionRef<Ref<Function>(const Ref<Function>&)> f) {
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions)
    if (const auto* function = as<Function>(callable)) {
      Ref<Function> result = with_place(fmt::format("function '{}'", function->id.str()), [&] { return f(ref_to(*function)); });
      if (!result.same_as(callable)) changed.push_back(result);
    }
  return with_callables(module, changed);
}

Ref<Module> rewrite_calls(const Ref<Module>& module, GraphRewriter::Rule rule, int sweeps) {
  return map_functions(module, [&](const Ref<Function>& function) { return rewrite_calls(function, rule, sweeps); });
}

Ref<Function> infer_types_again(const Ref<Function>& function) {
  return rewrite_calls(
      function, [](GraphRewriter&, const OpCall&) { return Replacement(); }, 1, true);
}

} // namespace tw::passes
