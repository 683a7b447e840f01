// SPDX-License-Identifier: Apache-2.0
// Puts the bodies of called graph functions in the place of the calls, innermost first, and drops functions that nothing calls any more.
// Each copy gets fresh values; the callee's symbolic sizes become what the caller passes.
#include "passes/graph_rewriter.h"

#include <unordered_set>

namespace tw::passes {
namespace {

// What the callee's dims stand for at this call: the given scalars, else what bare dims in the parameters' shapes meet in the arguments'.
Substitution dims_of_call(const Function& callee, const Invoke& call) {
  Substitution dims;
  if (!call.scalars.empty()) {
    TW_CHECK(call.scalars.size() == callee.dims.size(), "a call of '{}' passes {} sizes for {}", callee.id.str(), call.scalars.size(),
             callee.dims.size());
    for (size_t i = 0; i < callee.dims.size(); ++i) dims.emplace(callee.dims[i].node(), call.scalars[i]);
    return dims;
  }
  for (size_t i = 0; i < callee.body->params.size(); ++i) {
    const auto* parameter = as<TensorType>(callee.body->params[i]->type);
    Ref<Type> given = type_of(call.args[i].node());
    const auto* argument = as<TensorType>(given);
    if (!parameter || !argument || parameter->shape.size() != argument->shape.size()) continue;
    for (size_t d = 0; d < parameter->shape.size(); ++d)
      if (as<Var>(parameter->shape[d])) dims.try_emplace(parameter->shape[d].node(), argument->shape[d]);
  }
  for (const auto& dim : callee.dims)
    if (!dims.count(dim.node()))
      throw user_error("the size '{}' of function '{}' cannot be found from the arguments of a call", dim->id.str(), callee.id.str())
          .hint("let it be a dimension of a parameter, or pass it");
  return dims;
}

class Inliner {
public:
  explicit Inliner(const Ref<Module>& module) : module_(module) {}

  Ref<Function> finished(const Ref<Function>& function) {
    Name name = function->id;
    if (auto done = done_.find(name); done != done_.end()) return done->second;
    if (!in_progress_.insert(name).second)
      throw user_error("function '{}' calls itself", name.str()).hint("use a loop: functions are inlined, so recursion has no end");
    Ref<Function> result = map_bodies(function, [&](const Ref<Body>& body) { return inlined(body); });
    in_progress_.erase(name);
    done_.emplace(name, result);
    return result;
  }
  const std::unordered_set<Name>& called() const { return called_; }

private:
  Ref<Body> inlined(const Ref<Body>& body) {
    std::vector<Ref<Binding>> out;
    Substitution replaced;
    bool changed = false;
    for (const auto& original : body->bindings) {
      Ref<Binding> binding = replaced.empty() ? original : with(original, &Binding::operation, substitute(original->operation, replaced));
      const auto* invoke = as<Invoke>(binding->operation);
      auto callee = invoke ? find_callable(module_, invoke->callee) : Opt<Callable>();
      if (!as<Function>(callee)) {
        out.push_back(binding);
        continue;
      }
      changed = true;
      called_.insert(invoke->callee);
      Ref<Function> function = finished(as_ref<Function>(callee));
      Ref<Body> copy = copy_for(*function.get(), *invoke);
      out.insert(out.end(), copy->bindings.begin(), copy->bindings.end());
      for (size_t i = 0; i < binding->values.size(); ++i) replaced.emplace(binding->values[i].node(), copy->results[i]);
    }
    if (!changed) return body;
    Body copy(*body.get());
    std::vector<Ref<Operand>> results;
    for (const auto& result : body->results) results.push_back(substitute(result, replaced));
    copy.bindings = std::move(out);
    copy.results = std::move(results);
    return make(std::move(copy));
  }
  static Ref<Body> copy_for(const Function& callee, const Invoke& call) {
    Substitution dims = dims_of_call(callee, call);
    Ref<Body> body = renew(substitute(callee.body, dims));
    TW_CHECK(body->params.size() == call.args.size(), "a call of '{}' with {} arguments for {}", callee.id.str(), call.args.size(),
             body->params.size());
    Substitution arguments;
    for (size_t i = 0; i < body->params.size(); ++i) arguments.emplace(body->params[i].node(), call.args[i]);
    return with(substitute(with(body, &Body::params, List<Ref<Value>>()), arguments), &Body::params, body->params);
  }

  Ref<Module> module_;
  std::unordered_map<Name, Ref<Function>> done_;
  std::unordered_set<Name> in_progress_, called_;
};

Ref<Module> inline_functions(const Ref<Module>& module, PassContext& context) {
  Inliner inliner(module);
  Ref<Module> result = map_functions(module, [&](const Ref<Function>& function) { return inliner.finished(function); });
  if (result.same_as(module)) return module;
  std::vector<Name> removed;
  for (const auto& name : inliner.called()) {
    auto callable = find_callable(result, name);
    bool exported = false;
    if (const auto* function = as<Function>(callable))
      for (const auto& attr : function->attrs) exported |= attr->name == "exported";
    if (callable && !exported && name != Name(context.options.entry)) removed.push_back(name);
  }
  result = with_callables(result, {}, removed);
  return map_functions(result, [](const Ref<Function>& function) { return infer_types_again(function); });
}

} // namespace

extern const Pass inline_functions_pass = {
    .name = "inline_functions",
    .doc = "puts the bodies of called graph functions in the place of the calls",
    .graph = inline_functions,
};

} // namespace tw::passes
