// SPDX-License-Identifier: Apache-2.0
// Algebraic rules on operator calls, from tables by operator (simplify_graph/), applied in sweeps until none applies.
#include "passes/graph/simplify_graph/rules.h"

namespace tw::passes {
namespace {

constexpr int most_sweeps = 12;

Ref<Module> simplify_graph(const Ref<Module>& module, PassContext& context) {
  static const auto* rules_of = [] {
    auto* table = new std::unordered_map<Name, std::vector<const GraphRule*>>;
    for (auto rules : {arithmetic_rules(), movement_rules(), activation_rules(), join_rules(), product_rules(), slice_rules()})
      for (const auto& rule : rules) (*table)[rule.op].push_back(&rule);
    return table;
  }();
  return rewrite_calls(
      module,
      [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
        auto found = rules_of->find(call.op);
        if (found == rules_of->end()) return {};
        for (const GraphRule* rule : found->second) {
          if (rule->rounds && context.options.exact) continue;
          if (Replacement result = rule->apply(graph, call)) return result;
        }
        return {};
      },
      most_sweeps);
}

} // namespace

extern const Pass simplify_graph_pass = {
    .name = "simplify_graph",
    .doc = "applies algebraic rules: what does nothing vanishes, chains merge, expensive forms become cheap ones",
    .graph = simplify_graph,
};

} // namespace tw::passes
