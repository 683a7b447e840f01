// SPDX-License-Identifier: Apache-2.0
// Values times a gate that depends on them, and the gate's linear form:
//   silu         x * sigmoid(a * x)
//   hard_sigmoid clip(x + b, 0, c) / c     = clip(x / c + b / c, 0, 1)
//   hard_swish   x * clip(x + 3, 0, 6) / 6, x * hard_sigmoid(x, 1/6, 1/2)
//   softsign, mish: x / (1 + |x|), x * tanh(softplus(x))
#include "passes/graph/recognise_patterns/patterns.h"

namespace tw::passes {
namespace {

// clip(x + offset, 0, top)
struct Ramp {
  Ref<Operand> x;
  double offset, top;
};
std::optional<Ramp> ramp_of(const GraphRewriter& graph, const Ref<Operand>& operand) {
  const OpCall* clip = graph.producer(operand, "clip");
  if (!clip || !has_argument(*clip, 1) || !has_argument(*clip, 2) || !is_uniform(clip->args[1], 0)) return {};
  auto top = uniform_value(clip->args[2]);
  auto sum = offset_of(graph, clip->args[0]);
  if (!top || *top <= 0) return {};
  return sum ? Ramp{sum->x, sum->constant, *top} : Ramp{argument(*clip, 0), 0, *top};
}

Replacement hard_swish(GraphRewriter& graph, const OpCall& call) {
  Product p = product_of(graph, call);
  if (p.factors.size() != 2) return {};
  for (size_t i = 0; i < 2; ++i) {
    const Ref<Operand>& x = p.factors[i];
    auto ramp = ramp_of(graph, p.factors[1 - i]);
    if (ramp && ramp->x.same_as(x) && ramp->offset == 3 && ramp->top == 6 && about(p.constant, 1.0 / 6))
      return Operands{graph.call("hard_swish", {x})};
    const OpCall* gate = graph.producer(p.factors[1 - i], "hard_sigmoid");
    if (gate && gate->args[0].same_as(x) && p.constant == 1 && about(attribute<double>(*gate, "alpha"), 1.0 / 6) &&
        attribute<double>(*gate, "beta") == 0.5)
      return Operands{graph.call("hard_swish", {x})};
  }
  return {};
}

Replacement hard_sigmoid(GraphRewriter& graph, const OpCall& call) {
  Product p = product_of(graph, call);
  if (p.factors.size() != 1) return {};
  auto ramp = ramp_of(graph, p.factors[0]);
  if (!ramp || !about(p.constant * ramp->top, 1)) return {};
  // A product with x in front of it is hard_swish, which is found from there.
  const OpCall* clip = graph.producer(p.factors[0]);
  if (!graph.single_use(p.factors[0]) || !clip) return {};
  return Operands{
      graph.call("hard_sigmoid", {ramp->x}, attributes("hard_sigmoid", {{"alpha", 1 / ramp->top}, {"beta", ramp->offset / ramp->top}}))};
}

Replacement gated(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i) {
    Ref<Operand> x = argument(call, i);
    const OpCall* gate = graph.producer(call.args[1 - i]);
    if (!gate || gate->args.empty() || !element_of(x).is_float()) continue;
    if (gate->op == "sigmoid") {
      Product inner = product_of(graph, argument(*gate, 0));
      if (inner.factors.size() == 1 && inner.factors[0].same_as(x))
        return Operands{graph.call("silu", {x}, attributes("silu", {{"alpha", inner.constant}}))};
    }
    const OpCall* softplus = gate->op == "tanh" ? graph.producer(gate->args[0], "softplus") : nullptr;
    if (softplus && softplus->args[0].same_as(x)) return Operands{graph.call("mish", {x})};
  }
  return {};
}

Replacement softsign(GraphRewriter& graph, const OpCall& call) {
  auto sum = offset_of(graph, call.args[1]);
  const OpCall* magnitude = sum && sum->constant == 1 ? graph.producer(sum->x, "abs") : nullptr;
  if (!magnitude || !magnitude->args[0].same_as(call.args[0])) return {};
  return Operands{graph.call("softsign", {call.args[0]})};
}

constexpr GraphPattern patterns[] = {
    {"mul", "hard_swish", hard_swish},     {"div", "hard_swish", hard_swish}, {"mul", "hard_sigmoid", hard_sigmoid},
    {"div", "hard_sigmoid", hard_sigmoid}, {"mul", "silu and mish", gated},   {"div", "softsign", softsign},
};

} // namespace

std::span<const GraphPattern> swish_patterns() { return patterns; }

} // namespace tw::passes
