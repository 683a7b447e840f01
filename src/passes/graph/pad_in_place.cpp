// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions read each element a few times only, so that copying it between borders of zeros costs as much as the sums. Where a
// kernel computes what such a convolution reads, it may as well write it between the borders: they become concatenations in place of the
// data and four strips of zeros, and the convolution has no padding left. One that shares a kernel with what it reads keeps its borders.
#include "passes/depthwise_chains.h"
#include "passes/fusion.h"
#include "passes/graph_rewriter.h"
#include "passes/operands.h"
#include "passes/placement.h"

#include <unordered_set>

namespace tw::passes {
namespace {

class Padder {
public:
  Padder(const Ref<Function>& function, const Target& target)
      : function_(function), uses_(*function.get()), places_(placements(*function->body)),
        chains_(*function.get(), target, Borders::to_come) {}

  Ref<Function> run() {
    ops::GraphBuilder graph;
    bool changed = false;
    for (const auto& binding : function_->body->bindings) {
      const auto* call = as<OpCall>(binding->operation);
      if (!call || !has_movable_borders(*call)) {
        graph.emit(binding);
        continue;
      }
      changed = true;
      OriginScope origin(call->origin);
      std::vector<Opt<Operand>> args = call->args.vector();
      args[0] = padded(graph, *call);
      Ref<OpCall> valid = with(with(ref_to(*call), &OpCall::args, List<Opt<Operand>>(args)), &OpCall::attrs,
                               List<Ref<Attr>>(with_attribute(*call, "pads", Shape())));
      graph.emit(with(binding, &Binding::operation, Ref<Operation>(valid)));
    }
    if (!changed) return function_;
    Ref<Body> body = with(function_->body, &Body::bindings, List<Ref<Binding>>(graph.bindings()));
    return with(function_, &Function::body, body);
  }

private:
  // One input channel for each output, channels last, and data that can lie between borders.
  bool has_movable_borders(const OpCall& call) const {
    if (call.op != "convolution" || !attribute<bool>(call, "channels_last")) return false;
    const Node* x = call.args[0].node();
    Shape sizes = shape_of_operand(x), weights = shape_of_operand(call.args[1]);
    if (chains_.follows(call)) return false;
    if (!is_int(weights[weights.size() - 2], 1) || is_int(sizes.back(), 1) || !same_shape({sizes.back()}, {weights.back()})) return false;
    auto pads = static_shape(sizes_attribute(call, "pads"));
    if (!pads || std::all_of(pads->begin(), pads->end(), [](int64_t p) { return p == 0; })) return false;
    if (std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p < 0; })) return false;
    if (!uses_.known_at_entry(sizes)) return false;
    return uses_.can_lie_inside(x) && !places_.contains(x) && !taken_.contains(x);
  }

  Ref<Operand> padded(ops::GraphBuilder& graph, const OpCall& call) {
    Ref<Operand> x = as_ref<Operand>(call.args[0]);
    taken_.insert(x.node());
    auto pads = *static_shape(sizes_attribute(call, "pads"));
    size_t spatial = pads.size() / 2;
    // All borders first: what follows each other becomes one kernel.
    Ref<Operand> zero = graph.scalar(0, element_of(x));
    std::vector<Ref<Expr>> sizes = shape_of_operand(x).vector();
    std::vector<Opt<Operand>> strips(pads.size());
    for (size_t d = spatial; d-- > 0;) {
      for (size_t end : {d, spatial + d}) {
        if (!pads[end]) continue;
        std::vector<Ref<Expr>> shape = sizes;
        shape[d + 1] = imm(pads[end]);
        strips[end] = graph.call("constant_fill", {zero}, attributes("constant_fill", {{"shape", Shape(shape)}}));
      }
      sizes[d + 1] = arith::simplify(sizes[d + 1] + imm(pads[d] + pads[spatial + d]));
    }
    for (size_t d = spatial; d-- > 0;) {
      std::vector<Opt<Operand>> parts;
      for (const Opt<Operand>& part : {strips[d], Opt<Operand>(x), strips[spatial + d]})
        if (part) parts.push_back(part);
      if (parts.size() > 1)
        x = graph.call("concat", std::move(parts), attributes("concat", {{"axis", static_cast<int64_t>(d + 1)}, {"in_place", true}}));
    }
    return x;
  }

  Ref<Function> function_;
  ValueUses uses_;
  Placements places_;
  DepthwiseChains chains_;
  std::unordered_set<const Node*> taken_;
};

} // namespace

Ref<Module> pad_in_place(const Ref<Module>& module, PassContext& context) {
  return map_functions(
      module, [&](const Ref<Function>& function) { return is_fused(*function) ? function : Padder(function, context.target).run(); });
}

extern const Pass pad_in_place_pass;
const Pass pad_in_place_pass = {
    .name = "pad_in_place", .doc = "lets kernels write what depthwise convolutions read between borders of zeros", .graph = pad_in_place};

} // namespace tw::passes
