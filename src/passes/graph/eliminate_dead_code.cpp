// SPDX-License-Identifier: Apache-2.0
// Drops what no result depends on: bindings, results of branches and loops, and callables that nothing exported can reach.
#include "ir/visit.h"
#include "passes/graph_rewriter.h"

#include <unordered_set>

namespace tw::passes {
namespace {

bool is_exported(const Function& function) {
  for (const auto& attr : function.attrs)
    if (attr->name == "exported") return std::get_if<bool>(&attr->value) && std::get<bool>(attr->value);
  return false;
}

// What the roots reach through calls. Without any exported function every function is a root; kernels of a module that has no function
// at all are what the module is for.
std::unordered_set<const Node*> reachable(const Ref<Module>& module) {
  std::vector<Ref<Callable>> work;
  bool any_function = false, any_exported = false;
  for (const auto& callable : module->functions)
    if (const auto* function = as<Function>(callable)) {
      any_function = true;
      any_exported |= is_exported(*function);
    }
  for (const auto& callable : module->functions) {
    const auto* function = as<Function>(callable);
    if (!any_function || (function && (!any_exported || is_exported(*function)))) work.push_back(callable);
  }
  std::unordered_set<const Node*> seen;
  while (!work.empty()) {
    Ref<Callable> callable = work.back();
    work.pop_back();
    if (!seen.insert(callable.node()).second) continue;
    visit(callable, [&](const Invoke& invoke) {
      if (auto callee = find_callable(module, invoke.callee)) work.push_back(as_ref<Callable>(callee));
    });
  }
  return seen;
}

// Kernels only write their results; a function may be dropped if nothing in it, or in what it calls, has an effect.
class Purity {
public:
  explicit Purity(const Ref<Module>& module) : module_(module) {}
  bool operator()(Name name) {
    auto [entry, first] = known_.try_emplace(name, true); // a call of itself adds no effect
    if (!first) return entry->second;
    auto callable = find_callable(module_, name);
    if (!callable) return known_[name] = false;
    bool pure = true;
    visit(
        callable, [&](const OpCall& call) { pure = pure && !ops::get(call.op).effect; },
        [&](const Invoke& invoke) { pure = pure && (*this)(invoke.callee); });
    return known_[name] = pure;
  }

private:
  Ref<Module> module_;
  std::unordered_map<Name, bool> known_;
};

Ref<Module> eliminate_dead_code(const Ref<Module>& module, PassContext&) {
  Purity is_pure(module);
  Ref<Module> result = map_functions(module, [&](const Ref<Function>& function) {
    Ref<Body> body = without_dead_bindings(function->body, [&](Name name) { return is_pure(name); });
    return body.same_as(function->body) ? function : with(function, &Function::body, body);
  });
  auto live = reachable(result);
  std::vector<Name> dead;
  for (const auto& callable : result->functions)
    if (!live.count(callable.node())) dead.push_back(id_of(callable));
  return with_callables(result, {}, dead);
}

} // namespace

extern const Pass eliminate_dead_code_pass = {
    .name = "eliminate_dead_code",
    .doc = "drops bindings, results of branches and loops, functions and kernels that no result depends on",
    .graph = eliminate_dead_code,
};

} // namespace tw::passes
