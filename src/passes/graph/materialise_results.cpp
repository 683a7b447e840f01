// SPDX-License-Identifier: Apache-2.0
// Every result of an entry function gets a kernel that writes it: results that are inputs, constants, values of a branch, views of such, or
// given twice, go through a copy. So do views whose sizes the run may know only after what they are views of. Afterwards each output's
// memory has one writer.
#include "ir/visit.h"
#include "ops/op.h"
#include "passes/fusion.h"
#include "passes/pass.h"

#include <unordered_set>

namespace tw::passes {

Ref<Module> materialise_results(const Ref<Module>& module, PassContext&) {
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions) {
    const auto* function = as<Function>(callable);
    if (!function) continue;
    const Body& body = *function->body;
    std::unordered_map<const Node*, const Node*> view_of;
    std::unordered_set<const Node*> computed, taken;
    for (const auto& binding : body.bindings)
      if (const auto* call = as<OpCall>(binding->operation)) {
        if (is_kernel(*call))
          for (const auto& v : binding->values) computed.insert(v.node());
        else if (!binding->values.empty()) view_of.emplace(binding->values[0].node(), call->args[0].node());
      } else if (const auto* invoke = as<Invoke>(binding->operation); invoke && as<Kernel>(find_callable(module, invoke->callee))) {
        for (const auto& v : binding->values) computed.insert(v.node());
      }
    auto known = [&](const Ref<Operand>& result) {
      bool all = true;
      visit(type_of(result.node()), [&](const Var& v) {
        all = all && std::any_of(function->dims.begin(), function->dims.end(), [&](const Ref<Var>& d) { return d.same_as(&v); });
      });
      return all;
    };
    std::vector<Ref<Binding>> bindings = body.bindings.vector();
    std::vector<Ref<Operand>> results;
    for (const auto& result : body.results) {
      const Node* root = result.node();
      while (view_of.count(root)) root = view_of[root];
      if (computed.count(root) && (root == result.node() || known(result)) && taken.insert(root).second) {
        results.push_back(result);
        continue;
      }
      Ref<Value> copy = make(Value{.id = "result", .type = type_of(result.node())});
      bindings.push_back(make(Binding{.values = {copy}, .operation = make(OpCall{.op = "identity", .args = {result}})}));
      results.push_back(copy);
    }
    if (bindings.size() == body.bindings.size()) continue;
    Ref<Body> fresh = with(with(function->body, &Body::bindings, List<Ref<Binding>>(std::move(bindings))), &Body::results,
                           List<Ref<Operand>>(std::move(results)));
    changed.push_back(with(as_ref<Function>(callable), &Function::body, fresh));
  }
  return with_callables(module, changed);
}

extern const Pass materialise_results_pass;
const Pass materialise_results_pass = {
    .name = "materialise_results", .doc = "gives every result of the entry a kernel that writes it", .graph = materialise_results};

} // namespace tw::passes
