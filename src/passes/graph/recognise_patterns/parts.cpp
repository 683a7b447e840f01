// SPDX-License-Identifier: Apache-2.0
// What patterns are matched with.
#include "passes/graph/recognise_patterns/patterns.h"

#include <algorithm>

namespace tw::passes {
namespace {

void collect(const GraphRewriter& graph, const OpCall& call, Product& out, int depth);

void collect_factor(const GraphRewriter& graph, const Opt<Operand>& x, Product& out, int depth) {
  if (auto value = uniform_value(x); value && is_int(element_count(shape_of_operand(x)), 1)) {
    out.constant *= *value;
    return;
  }
  const OpCall* call = depth > 0 && graph.single_use(x) ? graph.producer(x) : nullptr;
  if (call && (call->op == "mul" || (call->op == "div" && uniform_value(call->args[1])))) return collect(graph, *call, out, depth);
  out.factors.push_back(as_ref<Operand>(x));
}

void collect(const GraphRewriter& graph, const OpCall& call, Product& out, int depth) {
  if (call.op == "div") {
    out.constant /= *uniform_value(call.args[1]);
    return collect_factor(graph, call.args[0], out, depth - 1);
  }
  collect_factor(graph, call.args[0], out, depth - 1);
  collect_factor(graph, call.args[1], out, depth - 1);
}

} // namespace

Product product_of(const GraphRewriter& graph, const OpCall& call) {
  Product out;
  if (call.op == "mul" || (call.op == "div" && uniform_value(call.args[1]) && is_int(element_count(shape_of_operand(call.args[1])), 1)))
    collect(graph, call, out, 6);
  return out;
}

Product product_of(const GraphRewriter& graph, const Ref<Operand>& x) {
  Product out;
  if (const OpCall* call = graph.producer(x)) out = product_of(graph, *call);
  if (out.factors.empty()) out = {1, {x}};
  return out;
}

std::optional<Offset> offset_of(const GraphRewriter& graph, const Opt<Operand>& x) {
  const OpCall* call = graph.producer(x);
  if (!call) return {};
  if (call->op == "add")
    for (size_t i = 0; i < 2; ++i)
      if (auto value = uniform_value(call->args[1 - i]); value && has_shape(call->args[i], shape_of_operand(x)))
        return Offset{argument(*call, i), *value};
  if (call->op == "sub")
    if (auto value = uniform_value(call->args[1]); value && has_shape(call->args[0], shape_of_operand(x)))
      return Offset{argument(*call, 0), -*value};
  return {};
}

std::optional<Quotient> quotient_by_root(const GraphRewriter& graph, const OpCall& call) {
  if (call.op == "div") {
    const OpCall* root = graph.producer(call.args[1], "sqrt");
    return root ? std::optional(Quotient{argument(call, 0), argument(*root, 0)}) : std::nullopt;
  }
  if (call.op != "mul") return {};
  for (size_t i = 0; i < 2; ++i) {
    const OpCall* inverse = graph.producer(call.args[i]);
    if (!inverse) continue;
    Ref<Operand> above = argument(call, 1 - i);
    if (inverse->op == "rsqrt") return Quotient{above, argument(*inverse, 0)};
    const OpCall* root = nullptr;
    if (inverse->op == "reciprocal") root = graph.producer(inverse->args[0], "sqrt");
    if (inverse->op == "div" && is_uniform(inverse->args[0], 1)) root = graph.producer(inverse->args[1], "sqrt");
    if (root) return Quotient{above, argument(*root, 0)};
    if (inverse->op == "pow" && is_uniform(inverse->args[1], -0.5)) return Quotient{above, argument(*inverse, 0)};
  }
  return {};
}

std::vector<int64_t> reduced_axes(const OpCall& call) {
  size_t rank = shape_of_operand(call.args[0]).size();
  std::vector<int64_t> axes = normal_axes(attribute<List<int64_t>>(call, "axes"), rank);
  if (axes.empty())
    for (size_t d = 0; d < rank; ++d) axes.push_back(static_cast<int64_t>(d));
  std::sort(axes.begin(), axes.end());
  return axes;
}

std::optional<int64_t> trailing_axes(const std::vector<int64_t>& axes, size_t rank) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(rank - axes.size() + i)) return {};
  return axes.empty() ? std::nullopt : std::optional(axes[0]);
}

} // namespace tw::passes
