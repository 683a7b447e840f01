// SPDX-License-Identifier: Apache-2.0
// Reductions, arg max, softmax, cumulative sums. Axes were attributes first and became inputs later (ReduceSum in opset 13, the others in
// 18); softmax until opset 12 worked on the input flattened to two dimensions.
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

namespace tw::onnx {
namespace {

template <Text op, int64_t axes_input_since> Results reduce(NodeContext& c) {
  auto axes = c.axes(1, axes_input_since, c.rank(0));
  bool none = !axes || axes->empty();
  bool noop = none && c.opset() >= axes_input_since && c.attribute_bool("noop_with_empty_axes", false);
  std::vector<int64_t> list = axes.value_or(std::vector<int64_t>{});
  Ref<Operand> x = c.input(0);
  // The operator takes no axes for all of them; with the flag it means: every element by itself.
  if (noop) {
    std::vector<Ref<Expr>> shape = c.shape(0).vector();
    list = {static_cast<int64_t>(shape.size())};
    shape.push_back(imm(1));
    return {c.call(op.value, {c.reshape(x, shape)}, {{"axes", List<int64_t>(list)}, {"keepdims", false}})};
  }
  return {c.call(op.value, {x}, {{"axes", List<int64_t>(list)}, {"keepdims", c.attribute_bool("keepdims", true)}})};
}

// The largest and smallest of bools are "any" and "all".
template <Text op, Text of_bools> Results reduce_extreme(NodeContext& c) {
  return c.element(0).is_bool() ? reduce<of_bools, 18>(c) : reduce<op, 18>(c);
}

template <Text op> Results arg_extreme(NodeContext& c) {
  return {c.call(op.value, {c.input(0)},
                 {{"axis", c.axis(c.attribute_int("axis", 0), c.rank(0))},
                  {"keepdims", c.attribute_bool("keepdims", true)},
                  {"select_last", c.attribute_bool("select_last_index", false)}})};
}

// From opset 13 along one axis; before, over all dimensions from the axis on together.
Results along_axis(NodeContext& c, const Ref<Operand>& x, Name op) {
  int64_t rank = NodeContext::rank(x);
  if (c.opset() >= 13) return {c.call(op, {x}, {{"axis", c.axis(c.attribute_int("axis", -1), rank)}})};
  int64_t axis = c.axis(c.attribute_int("axis", 1), std::max<int64_t>(rank, 1));
  if (axis == rank - 1) return {c.call(op, {x}, {{"axis", axis}})};
  Shape shape = NodeContext::shape(x);
  std::vector<Ref<Expr>> flat(shape.begin(), shape.begin() + axis);
  flat.push_back(element_count(Shape(shape.begin() + axis, shape.end())));
  return {c.reshape(c.call(op, {c.reshape(x, flat)}, {{"axis", axis}}), shape.vector())};
}
Results softmax(NodeContext& c) { return along_axis(c, c.input(0), "softmax"); }
Results log_softmax(NodeContext& c) { return along_axis(c, c.input(0), "log_softmax"); }

// 1 at the largest element, the first of equals.
Results hardmax(NodeContext& c) {
  Ref<Operand> x = c.input(0);
  Shape original = c.shape(0);
  int64_t rank = c.rank(0), axis = c.axis(c.attribute_int("axis", c.opset() >= 13 ? -1 : 1), rank);
  if (c.opset() < 13 && axis != rank - 1) {
    std::vector<Ref<Expr>> flat(original.begin(), original.begin() + axis);
    flat.push_back(element_count(Shape(original.begin() + axis, original.end())));
    x = c.reshape(x, flat);
    rank = axis + 1;
  }
  Shape shape = NodeContext::shape(x);
  Ref<Operand> best = c.call("arg_max", {x}, {{"axis", axis}, {"keepdims", true}});
  Ref<Operand> numbers = c.call("range", {c.scalar(0, i64), c.scalar(1, i64)}, {{"count", Opt<Expr>(shape[static_cast<size_t>(axis)])}});
  std::vector<Ref<Expr>> column{shape[static_cast<size_t>(axis)]};
  for (int64_t d = axis + 1; d < rank; ++d) column.push_back(imm(1));
  Ref<Operand> hit = c.cast(c.call("equal", {c.reshape(numbers, column), best}), c.element(0));
  return {original.size() == shape.size() ? hit : c.reshape(hit, original.vector())};
}

template <Text op> Results running(NodeContext& c) {
  return {c.call(op.value, {c.input(0)},
                 {{"axis", c.axis(c.known_int(1, "axis"), c.rank(0))},
                  {"exclusive", c.attribute_bool("exclusive", false)},
                  {"reverse", c.attribute_bool("reverse", false)}})};
}

constexpr OperatorRow rows[] = {
    {"ArgMax", arg_extreme<"arg_max">},
    {"ArgMin", arg_extreme<"arg_min">},
    {"CumProd", running<"cumulative_product">},
    {"CumSum", running<"cumulative_sum">},
    {"Hardmax", hardmax},
    {"LogSoftmax", log_softmax},
    {"ReduceL1", reduce<"reduce_l1", 18>},
    {"ReduceL2", reduce<"reduce_l2", 18>},
    {"ReduceLogSum", reduce<"reduce_log_sum", 18>},
    {"ReduceLogSumExp", reduce<"reduce_log_sum_exp", 18>},
    {"ReduceMax", reduce_extreme<"reduce_max", "reduce_any">},
    {"ReduceMean", reduce<"reduce_mean", 18>},
    {"ReduceMin", reduce_extreme<"reduce_min", "reduce_all">},
    {"ReduceProd", reduce<"reduce_prod", 18>},
    {"ReduceSum", reduce<"reduce_sum", 13>},
    {"ReduceSumSquare", reduce<"reduce_sum_square", 18>},
    {"Softmax", softmax},
};

} // namespace

OperatorTable reduction_operators() { return {"", rows}; }

} // namespace tw::onnx
