// SPDX-License-Identifier: Apache-2.0
// softmax from exp, sum and quotient, with or without the largest element subtracted first: the quotient is the same, and the operator
// always subtracts, so it is right where the bare form overflows.
#include "passes/graph/recognise_patterns/patterns.h"

namespace tw::passes {
namespace {

Replacement softmax(GraphRewriter& graph, const OpCall& call) {
  const OpCall* exp = graph.producer(call.args[0], "exp");
  const OpCall* sum = graph.producer(call.args[1], "reduce_sum");
  if (!exp || !sum || !sum->args[0].same_as(call.args[0]) || !attribute<bool>(*sum, "keepdims")) return {};
  std::vector<int64_t> axes = reduced_axes(*sum);
  if (axes.size() != 1) return {};
  Ref<Operand> x = argument(*exp, 0);
  if (const OpCall* difference = graph.producer(x, "sub")) {
    const OpCall* largest = graph.producer(difference->args[1], "reduce_max");
    if (largest && largest->args[0].same_as(difference->args[0]) && attribute<bool>(*largest, "keepdims") && reduced_axes(*largest) == axes)
      x = argument(*difference, 0);
  }
  return Operands{graph.call("softmax", {x}, attributes("softmax", {{"axis", axes[0]}}))};
}

constexpr GraphPattern patterns[] = {{"div", "softmax", softmax}};

} // namespace

std::span<const GraphPattern> softmax_patterns() { return patterns; }

} // namespace tw::passes
