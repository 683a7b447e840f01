// SPDX-License-Identifier: Apache-2.0
// Operators that only move elements: those that move nothing vanish, chains become one, and what only changes the shape is a reshape,
// which costs nothing.
#include "passes/graph/simplify_graph/rules.h"

#include <algorithm>

namespace tw::passes {
namespace {

Shape result_shape(const GraphRewriter& graph) { return shape_of_operand(graph.binding().values[0]); }

Replacement as_reshape(GraphRewriter& graph, const OpCall& call) { return Operands{reshaped(graph, call.args[0], result_shape(graph))}; }

// The same elements in the same order before and after: only the last shape matters.
Replacement merge_reshapes(GraphRewriter& graph, const OpCall& call) {
  Shape shape = result_shape(graph);
  if (has_shape(call.args[0], shape)) return Operands{argument(call, 0)};
  const OpCall* inner = graph.producer(call.args[0], "reshape");
  if (!inner) return {};
  if (has_shape(inner->args[0], shape)) return Operands{argument(*inner, 0)};
  return Operands{reshaped(graph, inner->args[0], shape)};
}

std::vector<int64_t> order_of(const OpCall& transpose) {
  size_t rank = shape_of_operand(transpose.args[0]).size();
  std::vector<int64_t> order = normal_axes(attribute<List<int64_t>>(transpose, "axes"), rank);
  if (order.empty())
    for (size_t d = rank; d-- > 0;) order.push_back(static_cast<int64_t>(d));
  return order;
}

Replacement merge_rolls(GraphRewriter& graph, const OpCall& call) {
  const OpCall* inner = graph.producer(call.args[0], "roll");
  if (!inner) return {};
  auto joined = [&](const char* name) {
    std::vector<int64_t> both = attribute<List<int64_t>>(*inner, name).vector();
    const auto& own = attribute<List<int64_t>>(call, name);
    both.insert(both.end(), own.begin(), own.end());
    return List<int64_t>(std::move(both));
  };
  return Operands{graph.call("roll", {inner->args[0]}, attributes("roll", {{"shifts", joined("shifts")}, {"axes", joined("axes")}}))};
}

bool keeps_last(const OpCall& call) {
  auto last = static_cast<int64_t>(shape_of_operand(call.args[0]).size()) - 1;
  if (call.op == "transpose") return order_of(call).back() == last;
  auto axes = normal_axes(attribute<List<int64_t>>(call, "axes"), static_cast<size_t>(last + 1));
  return std::find(axes.begin(), axes.end(), last) == axes.end();
}

// Rows are normalised one by one, so it does not matter in which order they lie: the norm reads them from where they are and writes them to
// where they shall be.
Replacement norm_behind_movement(GraphRewriter& graph, const OpCall& call) {
  const OpCall* view = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "reshape") : nullptr;
  Ref<Operand> rows = view ? argument(*view, 0) : argument(call, 0);
  const OpCall* norm = graph.single_use(rows) ? graph.producer(rows) : nullptr;
  if (!norm || (norm->op != "layer_norm" && norm->op != "rms_norm") || graph.results_of(*norm).size() != 1) return {};
  Shape from = shape_of_operand(norm->args[0]), to = shape_of_operand(call.args[0]);
  if (from.empty() || to.empty() || !keeps_last(call) || !same_shape({from.back()}, {to.back()})) return {};
  if (normal_axis(attribute<int64_t>(*norm, "axis"), from.size()) + 1 != static_cast<int64_t>(from.size())) return {};
  for (size_t i = 1; i < norm->args.size(); ++i)
    if (norm->args[i] && shape_of_operand(norm->args[i]).size() > 1) return {};
  std::vector<Opt<Operand>> args = norm->args.vector();
  Ref<Operand> moved = argument(*norm, 0);
  if (view) moved = reshaped(graph, moved, to);
  args[0] = graph.call(call.op, {moved}, call.attrs.vector());
  return Operands{graph.call(norm->op, std::move(args), with_attribute(*norm, "axis", int64_t{-1}))};
}

Replacement simplify_transpose(GraphRewriter& graph, const OpCall& call) {
  std::vector<int64_t> order = order_of(call);
  if (std::is_sorted(order.begin(), order.end())) return Operands{argument(call, 0)};
  if (const OpCall* inner = graph.producer(call.args[0], "transpose")) {
    std::vector<int64_t> before = order_of(*inner), both;
    for (int64_t d : order) both.push_back(before[static_cast<size_t>(d)]);
    return Operands{graph.call("transpose", {inner->args[0]}, attributes("transpose", {{"axes", List<int64_t>(both)}}))};
  }
  // Where only sizes of 1 change places, no byte moves.
  Shape from = shape_of_operand(call.args[0]);
  std::vector<int64_t> moving;
  for (int64_t d : order)
    if (!is_int(from[static_cast<size_t>(d)], 1)) moving.push_back(d);
  if (std::is_sorted(moving.begin(), moving.end())) return as_reshape(graph, call);
  if (Replacement view = simplify_view(graph, call)) return view;
  return norm_behind_movement(graph, call);
}

// Each of several parts of a transposed tensor is then transposed by itself, where its reader can take it along.
Replacement slice_before_transpose(GraphRewriter& graph, const OpCall& call) {
  const OpCall* transpose = graph.producer(call.args[0], "transpose");
  if (!transpose) return {};
  std::vector<int64_t> order = order_of(*transpose), axes = normal_axes(attribute<List<int64_t>>(call, "axes"), order.size());
  if (axes.empty())
    for (size_t d = 0; d < sizes_attribute(call, "begin").size(); ++d) axes.push_back(static_cast<int64_t>(d));
  for (int64_t& axis : axes) axis = order[static_cast<size_t>(axis)];
  Ref<Operand> part = graph.call("slice", {transpose->args[0]}, with_attribute(call, "axes", List<int64_t>(axes)));
  return Operands{graph.call("transpose", {part}, attributes("transpose", {{"axes", List<int64_t>(order)}}))};
}

Replacement simplify_roll(GraphRewriter& graph, const OpCall& call) {
  if (Replacement merged = merge_rolls(graph, call)) return merged;
  return norm_behind_movement(graph, call);
}

Replacement full_slice(GraphRewriter& graph, const OpCall& call) {
  const auto& steps = attribute<List<int64_t>>(call, "steps");
  bool unit = std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; });
  if (unit && has_shape(call.args[0], result_shape(graph))) return Operands{argument(call, 0)};
  if (Replacement view = simplify_view(graph, call)) return view;
  return slice_before_transpose(graph, call);
}

// One constant index along an axis: a slice, and the axis goes with the index's shape.
Replacement gather_one(GraphRewriter& graph, const OpCall& call) {
  if (Replacement view = simplify_view(graph, call)) return view;
  const auto* indices = constant_of(call.args[1]);
  Shape x = shape_of_operand(call.args[0]);
  if (!indices || x.empty() || !is_int(element_count(indices->type->shape), 1)) return {};
  auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), x.size()));
  auto size = as_int(x[axis]);
  if (!size || *size == 0) return {};
  auto index = static_cast<int64_t>(*uniform_value(call.args[1]));
  index = std::clamp<int64_t>(index < 0 ? index + *size : index, 0, *size - 1);
  Ref<Operand> part = graph.call("slice", {call.args[0]},
                                 attributes("slice", {{"axes", List<int64_t>{static_cast<int64_t>(axis)}},
                                                      {"begin", List<int64_t>{index}},
                                                      {"end", List<int64_t>{index + 1}}}));
  return Operands{reshaped(graph, part, result_shape(graph))};
}

Replacement same_result(GraphRewriter& graph, const OpCall& call) {
  return has_shape(call.args[0], result_shape(graph)) ? Replacement(Operands{argument(call, 0)}) : Replacement();
}

Replacement no_padding(GraphRewriter&, const OpCall& call) {
  for (const char* side : {"begin", "end"})
    for (const auto& size : sizes_attribute(call, side))
      if (!is_int(size, 0)) return {};
  return Operands{argument(call, 0)};
}

Replacement repeat_once(GraphRewriter&, const OpCall& call) {
  for (const auto& count : sizes_attribute(call, "repeats"))
    if (!is_int(count, 1)) return {};
  return Operands{argument(call, 0)};
}

// One element in each group: its sum, mean, product, smallest and largest is itself.
Replacement reduce_of_one(GraphRewriter& graph, const OpCall& call) {
  Shape x = shape_of_operand(call.args[0]);
  std::vector<int64_t> axes = normal_axes(attribute<List<int64_t>>(call, "axes"), x.size());
  if (axes.empty())
    for (size_t d = 0; d < x.size(); ++d) axes.push_back(static_cast<int64_t>(d));
  for (int64_t d : axes)
    if (!is_int(x[static_cast<size_t>(d)], 1)) return {};
  return as_reshape(graph, call);
}

constexpr GraphRule rules[] = {
    {"squeeze", "squeeze is a reshape", as_reshape},
    {"unsqueeze", "unsqueeze is a reshape", as_reshape},
    {"flatten", "flatten is a reshape", as_reshape},
    {"reshape", "reshapes merge", merge_reshapes},
    {"reshape", "chains that pick along single axes", simplify_view},
    {"transpose", "transposes merge; those of sizes 1 are reshapes; norms go behind those of rows", simplify_transpose},
    {"roll", "rolls merge; norms go behind those of rows", simplify_roll},
    {"slice", "a slice of everything; slices go before transposes", full_slice},
    {"gather", "one constant index is a slice", gather_one},
    {"expand", "expand to the same shape", same_result},
    {"tile", "once each", repeat_once},
    {"pad", "no padding", no_padding},
    {"reduce_mean", "of one element", reduce_of_one},
    {"reduce_sum", "of one element", reduce_of_one},
    {"reduce_prod", "of one element", reduce_of_one},
    {"reduce_max", "of one element", reduce_of_one},
    {"reduce_min", "of one element", reduce_of_one},
};

} // namespace

std::span<const GraphRule> movement_rules() { return rules; }

} // namespace tw::passes
