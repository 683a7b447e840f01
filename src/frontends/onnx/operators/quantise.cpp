// SPDX-License-Identifier: Apache-2.0
// Quantised operators. Scales and zero points are for the whole tensor (a scalar or a vector of one), along an axis, or for blocks.
#include "frontends/onnx/operators/windows.h"

namespace tw::onnx {
namespace {

// A vector of one number stands for the whole tensor.
Opt<Operand> parameter(NodeContext& c, size_t i) {
  if (!c.has(i)) return {};
  Shape shape = c.shape(i);
  return shape.size() == 1 && is_int(shape[0], 1) ? c.reshape(c.input(i), {}) : c.input(i);
}

NodeContext::Attributes granularity(NodeContext& c, const Opt<Operand>& scale) {
  if (NodeContext::rank(as_ref<Operand>(scale)) == 0) return {};
  return {{"axis", c.axis(c.attribute_int("axis", 1), c.rank(0))}, {"block", c.attribute_int("block_size", 0)}};
}

std::string refuse_output_type(const Node& node) {
  auto type = static_cast<ElementType>(attribute_int(node, "output_dtype", 0));
  return type == ElementType::undefined || find_dtype(type) ? "" : fmt::format("elements of {}", to_string(type));
}
std::optional<DType> output_type(const NodeContext& c) {
  auto type = static_cast<ElementType>(c.attribute_int("output_dtype", 0));
  return type == ElementType::undefined ? std::nullopt : find_dtype(type);
}

Results quantize(NodeContext& c) {
  Opt<Operand> scale = parameter(c, 1);
  if (!scale) throw user_error("input 1 ('y_scale') is missing");
  auto attributes = granularity(c, scale);
  if (auto to = output_type(c); to && !c.has(2)) attributes.emplace_back("to", *to);
  return {c.call("quantize_linear", {c.input(0), scale, parameter(c, 2)}, attributes)};
}

Results dequantize(NodeContext& c) {
  Opt<Operand> scale = parameter(c, 1);
  if (!scale) throw user_error("input 1 ('x_scale') is missing");
  Ref<Operand> y = c.call("dequantize_linear", {c.input(0), scale, parameter(c, 2)}, granularity(c, scale));
  auto to = output_type(c);
  return {to ? c.cast(y, *to) : y};
}

Results matmul_integer(NodeContext& c) { return {c.call("matmul_integer", {c.input(0), c.input(1), parameter(c, 2), parameter(c, 3)})}; }

NodeContext::Attributes window(NodeContext& c, size_t weights) {
  WindowAttributes w = window_attributes(c, spatial_sizes(c.shape(0)), spatial_sizes(c.shape(weights)));
  return {{"strides", List<int64_t>(w.strides)},
          {"dilations", List<int64_t>(w.dilations)},
          {"pads", List<Ref<Expr>>(w.pads)},
          {"groups", c.attribute_int("group", 1)}};
}
Results convolution_integer(NodeContext& c) {
  return {c.call("convolution_integer", {c.input(0), c.input(1), parameter(c, 2), parameter(c, 3)}, window(c, 1))};
}

std::vector<Opt<Operand>> quantized_inputs(NodeContext& c) {
  std::vector<Opt<Operand>> inputs;
  for (size_t i = 0; i < 8; ++i) {
    bool data = i == 0 || i == 3;
    inputs.push_back(data ? Opt<Operand>(c.input(i)) : (c.input(i), parameter(c, i)));
  }
  return inputs;
}
Results quantized_matmul(NodeContext& c) { return {c.call("quantized_matmul", quantized_inputs(c))}; }
Results quantized_convolution(NodeContext& c) {
  auto inputs = quantized_inputs(c);
  inputs.push_back(c.optional(8));
  return {c.call("quantized_convolution", inputs, window(c, 3))};
}

// ONNX Runtime's elementwise operators on quantised data: out of the integers, the operator, and back.
Ref<Operand> dequantized(NodeContext& c, size_t first) {
  return c.call("dequantize_linear", {c.input(first), (c.input(first + 1), parameter(c, first + 1)), parameter(c, first + 2)});
}
Ref<Operand> quantized(NodeContext& c, const Ref<Operand>& y, size_t first, DType type) {
  Opt<Operand> zero_point = parameter(c, first + 1);
  return c.call("quantize_linear", {y, (c.input(first), parameter(c, first)), zero_point}, {{"to", type}});
}
template <Text op> Results quantized_binary(NodeContext& c) {
  return {quantized(c, c.call(op.value, {dequantized(c, 0), dequantized(c, 3)}), 6, c.element(0))};
}
Results quantized_sigmoid(NodeContext& c) { return {quantized(c, c.call("sigmoid", {dequantized(c, 0)}), 3, c.element(0))}; }
Results quantized_leaky_relu(NodeContext& c) {
  Ref<Operand> y = c.call("leaky_relu", {dequantized(c, 0)}, {{"alpha", c.attribute_float("alpha", 0.01f)}});
  return {quantized(c, y, 3, c.element(0))};
}
std::string refuse_channels_last(const Node& node) { return attribute_int(node, "channels_last", 0) == 0 ? "" : "channels_last"; }
Results quantized_global_average_pool(NodeContext& c) {
  return {quantized(c, c.call("global_average_pool", {dequantized(c, 0)}), 3, c.element(0))};
}
Results quantized_concat(NodeContext& c) {
  std::vector<Opt<Operand>> parts;
  for (size_t i = 2; i < c.input_count(); i += 3) parts.push_back(dequantized(c, i));
  if (parts.empty()) throw user_error("input 2 is missing");
  int64_t axis = c.axis(attribute_int(c.node, "axis"), NodeContext::rank(as_ref<Operand>(parts[0])));
  return {quantized(c, c.call("concat", parts, {{"axis", axis}}), 0, c.element(2))};
}

constexpr OperatorRow rows[] = {
    {"ConvInteger", convolution_integer},
    {"DequantizeLinear", dequantize, refuse_output_type},
    {"DynamicQuantizeLinear", [](NodeContext& c) { return c.call_all("dynamic_quantize_linear", {c.input(0)}); }},
    {"MatMulInteger", matmul_integer},
    {"QLinearConv", quantized_convolution},
    {"QLinearMatMul", quantized_matmul},
    {"QuantizeLinear", quantize, refuse_output_type},
};
constexpr OperatorRow microsoft_rows[] = {
    {"DequantizeLinear", dequantize},           {"QLinearAdd", quantized_binary<"add">},
    {"QLinearConcat", quantized_concat},        {"QLinearGlobalAveragePool", quantized_global_average_pool, refuse_channels_last},
    {"QLinearLeakyRelu", quantized_leaky_relu}, {"QLinearMul", quantized_binary<"mul">},
    {"QLinearSigmoid", quantized_sigmoid},      {"QuantizeLinear", quantize},
};

} // namespace

OperatorTable quantise_operators() { return {"", rows}; }
OperatorTable microsoft_quantise_operators() { return {"com.microsoft", microsoft_rows}; }

} // namespace tw::onnx
