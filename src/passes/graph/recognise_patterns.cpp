// SPDX-License-Identifier: Apache-2.0
// Finds operators that a model spelled out in smaller ones: GELU, SiLU, hard swish, softmax, layer norm, RMS norm, group norm, attention.
// The operator is faster (one kernel, one pass over the data) and often more accurate. Patterns are tables, one file each, in
// recognise_patterns/.
#include "passes/graph/recognise_patterns/patterns.h"

namespace tw::passes {
namespace {

constexpr int most_sweeps = 4; // a norm, its scale, its bias, and one that finds nothing

Ref<Module> recognise_patterns(const Ref<Module>& module, PassContext& context) {
  if (context.options.exact) return module;
  static const auto* patterns_of = [] {
    auto* table = new std::unordered_map<Name, std::vector<const GraphPattern*>>;
    for (auto patterns : {gelu_patterns(), swish_patterns(), softmax_patterns(), norm_patterns(), attention_patterns()})
      for (const auto& pattern : patterns) (*table)[pattern.root].push_back(&pattern);
    return table;
  }();
  return rewrite_calls(
      module,
      [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
        auto found = patterns_of->find(call.op);
        if (found == patterns_of->end()) return {};
        for (const GraphPattern* pattern : found->second)
          if (Replacement result = pattern->match(graph, call)) return result;
        return {};
      },
      most_sweeps);
}

} // namespace

extern const Pass recognise_patterns_pass;
const Pass recognise_patterns_pass = {
    .name = "recognise_patterns",
    .doc = "finds GELU, SiLU, hard swish, softmax, layer norm, RMS norm, group norm and attention spelled out in smaller operators",
    .graph = recognise_patterns,
};

} // namespace tw::passes
