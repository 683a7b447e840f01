// SPDX-License-Identifier: Apache-2.0
// Layer norm and RMS norm over the last dimensions, from means, squares and roots; then scale and bias behind them join. Group norm from an
// instance norm between reshapes.
//   (x - mean(x)) / sqrt(mean((x - mean(x))²) + epsilon) * scale + bias
//   x / sqrt(mean(x²) + epsilon) * scale
#include "passes/graph/recognise_patterns/patterns.h"

namespace tw::passes {
namespace {

// operand = x² in any spelling; gives x.
Opt<Operand> base_of_square(const GraphRewriter& graph, const Opt<Operand>& operand) {
  const OpCall* call = graph.producer(operand);
  if (!call) return {};
  if (call->op == "mul" && call->args[0].same_as(call->args[1])) return call->args[0];
  if (call->op == "pow" && is_uniform(call->args[1], 2)) return call->args[0];
  return {};
}

const OpCall* mean_of(const GraphRewriter& graph, const Opt<Operand>& operand) {
  const OpCall* mean = graph.producer(operand, "reduce_mean");
  return mean && attribute<bool>(*mean, "keepdims") ? mean : nullptr;
}

// x if operand is x - mean(x) over the axes.
Opt<Operand> centred(const GraphRewriter& graph, const Opt<Operand>& operand, const std::vector<int64_t>& axes) {
  const OpCall* difference = graph.producer(operand, "sub");
  const OpCall* mean = difference ? mean_of(graph, difference->args[1]) : nullptr;
  if (!mean || !mean->args[0].same_as(difference->args[0]) || reduced_axes(*mean) != axes) return {};
  return difference->args[0];
}

Replacement norm(GraphRewriter& graph, const OpCall& call) {
  auto quotient = quotient_by_root(graph, call);
  auto sum = quotient ? offset_of(graph, quotient->under_root) : std::nullopt;
  const OpCall* mean = sum && sum->constant >= 0 ? mean_of(graph, sum->x) : nullptr;
  Opt<Operand> squared = mean ? base_of_square(graph, mean->args[0]) : Opt<Operand>();
  if (!squared || !element_of(quotient->above).is_float()) return {};
  size_t rank = shape_of_operand(squared).size();
  std::vector<int64_t> axes = reduced_axes(*mean);
  auto first = trailing_axes(axes, rank);
  if (!first) return {};
  int64_t axis = *first - static_cast<int64_t>(rank);
  Opt<Operand> x = centred(graph, squared, axes);
  // The difference above the line may be computed again: it is the same as long as it is centred the same way.
  Opt<Operand> above = centred(graph, quotient->above, axes);
  if (x && above && x.same_as(above))
    return Operands{graph.call("layer_norm", {x}, attributes("layer_norm", {{"axis", axis}, {"epsilon", sum->constant}}))};
  if (squared.same_as(quotient->above))
    return Operands{graph.call("rms_norm", {squared}, attributes("rms_norm", {{"axis", axis}, {"epsilon", sum->constant}}))};
  return {};
}

// Covers only dimensions that are normalised, without making the result larger.
bool fits_behind(const OpCall& norm, const Opt<Operand>& parameter) {
  Shape x = shape_of_operand(norm.args[0]), p = shape_of_operand(parameter);
  if (!constant_of(parameter) || element_of(parameter) != element_of(norm.args[0]) || !broadcasts_into(p, x)) return false;
  size_t normalised = x.size() - static_cast<size_t>(normal_axis(attribute<int64_t>(norm, "axis"), x.size()));
  for (size_t d = 0; d + normalised < p.size(); ++d)
    if (!is_int(p[d], 1)) return false;
  return true;
}

const OpCall* norm_before(const GraphRewriter& graph, const Opt<Operand>& x) {
  const OpCall* norm = graph.single_use(x) ? graph.producer(x) : nullptr;
  if (!norm || (norm->op != "layer_norm" && norm->op != "rms_norm")) return nullptr;
  return norm->op == "layer_norm" && attribute<bool>(*norm, "statistics") ? nullptr : norm;
}

Replacement scale_behind(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* norm = norm_before(graph, call.args[i]);
    if (!norm || has_argument(*norm, 1) || has_argument(*norm, 2) || !fits_behind(*norm, call.args[1 - i])) continue;
    return Operands{graph.call(norm->op, {norm->args[0], call.args[1 - i]}, norm->attrs.vector())};
  }
  return {};
}

Replacement bias_behind(GraphRewriter& graph, const OpCall& call) {
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* norm = norm_before(graph, call.args[i]);
    if (!norm || norm->op != "layer_norm" || has_argument(*norm, 2) || !fits_behind(*norm, call.args[1 - i])) continue;
    Opt<Operand> scale = has_argument(*norm, 1) ? norm->args[1] : Opt<Operand>();
    return Operands{graph.call("layer_norm", {norm->args[0], scale, call.args[1 - i]}, norm->attrs.vector())};
  }
  return {};
}

// An instance norm whose channels are groups: reshape(instance_norm(reshape(x, (N, groups, -1))), shape of x).
Replacement group_norm(GraphRewriter& graph, const OpCall& call) {
  const OpCall* norm = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "instance_norm") : nullptr;
  const OpCall* before = norm ? graph.producer(norm->args[0], "reshape") : nullptr;
  if (!before) return {};
  Shape x = shape_of_operand(before->args[0]), grouped = shape_of_operand(norm->args[0]);
  if (x.size() < 3 || !has_shape(before->args[0], shape_of_operand(graph.binding().values[0])) || !same_shape({x[0]}, {grouped[0]}))
    return {};
  auto channels = as_int(x[1]), groups = as_int(grouped[1]);
  if (!channels || !groups || *groups < 1 || *channels % *groups != 0) return {};
  std::vector<Opt<Operand>> args = {before->args[0]};
  for (size_t i = 1; i < 3; ++i) {
    Ref<Operand> column = reshaped(graph, norm->args[i], Shape{imm(*groups), imm(1)});
    Ref<Operand> each = graph.call("expand", {column}, attributes("expand", {{"shape", Shape{imm(*groups), imm(*channels / *groups)}}}));
    args.push_back(reshaped(graph, each, Shape{imm(*channels)}));
  }
  double epsilon = attribute<double>(*norm, "epsilon");
  return Operands{graph.call("group_norm", std::move(args), attributes("group_norm", {{"groups", *groups}, {"epsilon", epsilon}}))};
}

constexpr GraphPattern patterns[] = {
    {"reshape", "group norm", group_norm},        {"div", "layer norm and RMS norm", norm},   {"mul", "layer norm and RMS norm", norm},
    {"mul", "the scale of a norm", scale_behind}, {"add", "the bias of a norm", bias_behind},
};

} // namespace

std::span<const GraphPattern> norm_patterns() { return patterns; }

} // namespace tw::passes
