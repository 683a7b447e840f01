// SPDX-License-Identifier: Apache-2.0
// Operators that read or write by indices, or pick elements by a condition. How many are picked depends on data: the count is computed,
// read at run time, and becomes a dimension.
#include "frontends/onnx/operators/operators.h"

namespace tw::onnx {
namespace {

template <Text op> Results along_axis(NodeContext& c) {
  return {c.call(op.value, {c.input(0), c.input(1)}, {{"axis", c.axis(c.attribute_int("axis", 0), c.rank(0))}})};
}

Results gather_nd(NodeContext& c) {
  return {c.call("gather_nd", {c.input(0), c.input(1)}, {{"batch_dims", c.attribute_int("batch_dims", 0)}})};
}

Name reduction_of(const NodeContext& c) {
  std::string reduction = c.attribute_string("reduction", "none");
  for (const char* known : {"none", "add", "mul", "max", "min"})
    if (reduction == known) return known;
  throw user_error("attribute 'reduction' must be none, add, mul, max or min, found '{}'", reduction);
}
Results scatter_elements(NodeContext& c) {
  return {c.call("scatter_elements", {c.input(0), c.input(1), c.input(2)},
                 {{"axis", c.axis(c.attribute_int("axis", 0), c.rank(0))}, {"reduction", reduction_of(c)}})};
}
Results scatter_nd(NodeContext& c) {
  return {c.call("scatter_nd", {c.input(0), c.input(1), c.input(2)}, {{"reduction", reduction_of(c)}})};
}

// The depth may be a float, as long as it is known.
Results one_hot(NodeContext& c) {
  Ref<Expr> depth = c.element(1).is_float() ? imm(static_cast<int64_t>(c.known_float(1, "depth"))) : c.size(1, "depth");
  return {c.call("one_hot", {c.input(0), c.input(2)}, {{"depth", Opt<Expr>(depth)}, {"axis", c.attribute_int("axis", -1)}})};
}

Results top_k(NodeContext& c) {
  Ref<Expr> k = c.opset() < 10 ? Ref<Expr>(imm(attribute_int(c.node, "k"))) : c.size(1, "K");
  return c.call_all("top_k", {c.input(0)},
                    {{"k", Opt<Expr>(k)},
                     {"axis", c.axis(c.attribute_int("axis", -1), c.rank(0))},
                     {"largest", c.opset() < 11 || c.attribute_bool("largest", true)}});
}

Opt<Expr> count_nonzero(NodeContext& c, const Ref<Operand>& x) {
  Ref<Operand> count = c.call("count_nonzero", {x});
  return c.body.read_sizes(count, {c.body.unique("count")})[0];
}
Results nonzero(NodeContext& c) { return {c.call("nonzero", {c.input(0)}, {{"count", count_nonzero(c, c.input(0))}})}; }

// Without an axis, of all elements in order.
Results compress(NodeContext& c) {
  Ref<Operand> x = c.input(0);
  int64_t axis = 0;
  if (c.has_attribute("axis")) axis = c.axis(c.attribute_int("axis", 0), c.rank(0));
  else x = c.reshape(x, {element_count(c.shape(0))});
  return {c.call("compress", {x, c.input(1)}, {{"count", count_nonzero(c, c.input(1))}, {"axis", axis}})};
}

Results triangle(NodeContext& c) {
  Opt<Expr> diagonal;
  if (c.has(1)) diagonal = c.size(1, "k", std::numeric_limits<int64_t>::min());
  return {c.call("trilu", {c.input(0)}, {{"upper", c.attribute_bool("upper", true)}, {"diagonal", diagonal}})};
}

Results reverse_sequence(NodeContext& c) {
  return {c.call("reverse_sequence", {c.input(0), c.input(1)},
                 {{"batch_axis", c.attribute_int("batch_axis", 1)}, {"time_axis", c.attribute_int("time_axis", 0)}})};
}

constexpr OperatorRow rows[] = {
    {"Compress", compress},
    {"Gather", along_axis<"gather">},
    {"GatherElements", along_axis<"gather_elements">},
    {"GatherND", gather_nd},
    {"NonZero", nonzero},
    {"OneHot", one_hot},
    {"ReverseSequence", reverse_sequence},
    {"Scatter", scatter_elements},
    {"ScatterElements", scatter_elements},
    {"ScatterND", scatter_nd},
    {"TopK", top_k},
    {"Trilu", triangle},
};

} // namespace

OperatorTable indexing_operators() { return {"", rows}; }

} // namespace tw::onnx
