// SPDX-License-Identifier: Apache-2.0
// Replaces operators that have no loops of their own by the operators that they are made of, until none is left.
#include "passes/graph_rewriter.h"

namespace tw::passes {
namespace {

constexpr int deepest_decomposition = 16;

bool is_composed(const OpCall& call) {
  const ops::OpDef& op = ops::get(call.op);
  return op.decompose && !op.compute;
}

Ref<Module> decompose(const Ref<Module>& module, PassContext&) {
  return rewrite_calls(
      module,
      [](GraphRewriter& graph, const OpCall& call) -> Replacement {
        if (!is_composed(call)) return {};
        ops::DecomposeContext context{graph, call};
        return with_place(fmt::format("operator '{}'", call.op.str()), [&] { return ops::get(call.op).decompose(context); });
      },
      deepest_decomposition);
}

} // namespace

extern const Pass decompose_pass = {
    .name = "decompose",
    .doc = "replaces operators without loops of their own by what they are made of",
    .graph = decompose,
};

} // namespace tw::passes
