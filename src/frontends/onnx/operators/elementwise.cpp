// SPDX-License-Identifier: Apache-2.0
// Elementwise operators: arithmetic, comparison, logic, activations, casts. Most have one of ours with the same meaning; what differs
// between opsets is where limits and ratios are written (attributes in old ones, inputs in new ones).
#include "frontends/onnx/operators/operators.h"

namespace tw::onnx {
namespace {

// Until opset 10 the limits are attributes.
Results clip(NodeContext& c) {
  DType type = c.element(0);
  std::vector<Opt<Operand>> limits(2);
  const char* names[] = {"min", "max"};
  for (size_t k = 0; k < 2; ++k) {
    if (c.opset() >= 11) limits[k] = c.optional(k + 1);
    else if (c.has_attribute(names[k])) limits[k] = c.scalar(c.attribute_float(names[k], 0), type);
  }
  if (!limits[0] && !limits[1]) return {c.input(0)};
  return {c.call("clip", {c.input(0), limits[0], limits[1]})};
}

// At inference, and with a ratio of 0, dropout passes its input on and keeps all of it.
Results dropout(NodeContext& c) {
  if (c.opset() >= 12 && c.has(2) && c.known_int(2, "training_mode") != 0 && (!c.has(1) || c.known_float(1, "ratio") != 0))
    throw unsupported("dropout in training mode is not supported").hint("export the model for inference");
  Results out{c.input(0)};
  if (c.wants(1)) { out.push_back(c.call("constant_fill", {c.scalar(1, boolean)}, {{"shape", List<Ref<Expr>>(c.shape(0))}})); }
  return out;
}

DType target_type(const Node& node) { return dtype_of(static_cast<ElementType>(attribute_int(node, "to")), "attribute 'to'"); }
std::string refuse_cast(const Node& node) {
  auto type = static_cast<ElementType>(attribute_int(node, "to"));
  return find_dtype(type) ? "" : fmt::format("a cast to {}", to_string(type));
}
Results cast(NodeContext& c) { return {c.cast(c.input(0), target_type(c.node))}; }
Results cast_like(NodeContext& c) { return {c.cast(c.input(0), c.element(1))}; }

Results modulo(NodeContext& c) { return {c.call(c.attribute_bool("fmod", false) ? "fmod" : "mod", c.all_inputs(2))}; }

Results shift(NodeContext& c) {
  std::string direction = attribute_string(c.node, "direction");
  if (direction != "LEFT" && direction != "RIGHT") throw user_error("attribute 'direction' must be LEFT or RIGHT, found '{}'", direction);
  return {c.call(direction == "LEFT" ? "shift_left" : "shift_right", c.all_inputs(2))};
}

Results is_infinite(NodeContext& c) {
  return {c.call("isinf", {c.input(0)},
                 {{"negative", c.attribute_bool("detect_negative", true)}, {"positive", c.attribute_bool("detect_positive", true)}})};
}

Results hard_sigmoid(NodeContext& c) {
  return {c.call("hard_sigmoid", {c.input(0)}, {{"alpha", c.attribute_float("alpha", 0.2f)}, {"beta", c.attribute_float("beta", 0.5f)}})};
}

Results selu(NodeContext& c) {
  return {c.call("selu", {c.input(0)},
                 {{"alpha", c.attribute_float("alpha", 1.67326319217681884765625f)},
                  {"gamma", c.attribute_float("gamma", 1.05070102214813232421875f)}})};
}

Results shrink(NodeContext& c) {
  return {c.call("shrink", {c.input(0)}, {{"bias", c.attribute_float("bias", 0)}, {"threshold", c.attribute_float("lambd", 0.5f)}})};
}

Results gelu(NodeContext& c) { return {c.call("gelu", {c.input(0)}, {{"approximate", Name(c.attribute_string("approximate", "none"))}})}; }

// In opset 6 a slope for each channel is a vector, which stands along dimension 1.
Results prelu(NodeContext& c) {
  Ref<Operand> slope = c.input(1);
  if (c.opset() < 7 && c.rank(1) == 1 && c.rank(0) > 1 && !is_int(c.shape(1)[0], 1)) {
    std::vector<Ref<Expr>> column(static_cast<size_t>(c.rank(0) - 1), imm(1));
    column[0] = c.shape(1)[0];
    slope = c.reshape(slope, column);
  }
  return {c.call("prelu", {c.input(0), slope})};
}

// The mean of integers does not exist in ONNX, that of one input is the input.
Results mean(NodeContext& c) { return c.input_count() == 1 ? Results{c.input(0)} : plain<"mean">(c); }

// In opset 6 an attribute says where the second input's dimensions lie in the first one's; later they are the last ones.
template <Text op> Results binary(NodeContext& c) {
  if (c.opset() >= 7 || !c.has_attribute("axis") || !c.attribute_bool("broadcast", false)) return plain<op>(c);
  int64_t axis = c.axis(c.attribute_int("axis", 0), c.rank(0)), own = c.rank(1);
  std::vector<int64_t> trailing;
  for (int64_t d = own; d + axis < c.rank(0); ++d) trailing.push_back(d);
  return {c.call(op.value, {c.input(0), c.unsqueeze(c.input(1), trailing)})};
}

constexpr OperatorRow rows[] = {
    {"Abs", plain<"abs">},
    {"Acos", plain<"acos">},
    {"Acosh", plain<"acosh">},
    {"Add", binary<"add">},
    {"And", binary<"logical_and">},
    {"Asin", plain<"asin">},
    {"Asinh", plain<"asinh">},
    {"Atan", plain<"atan">},
    {"Atanh", plain<"atanh">},
    {"BitShift", shift},
    {"BitwiseAnd", plain<"bitwise_and">},
    {"BitwiseNot", plain<"bitwise_not">},
    {"BitwiseOr", plain<"bitwise_or">},
    {"BitwiseXor", plain<"bitwise_xor">},
    {"Cast", cast, refuse_cast},
    {"CastLike", cast_like},
    {"Ceil", plain<"ceil">},
    {"Celu", with_float<"celu", "alpha">},
    {"Clip", clip},
    {"Cos", plain<"cos">},
    {"Cosh", plain<"cosh">},
    {"Div", binary<"div">},
    {"Dropout", dropout},
    {"Elu", with_float<"elu", "alpha">},
    {"Equal", binary<"equal">},
    {"Erf", plain<"erf">},
    {"Exp", plain<"exp">},
    {"Floor", plain<"floor">},
    {"Gelu", gelu},
    {"Greater", binary<"greater">},
    {"GreaterOrEqual", plain<"greater_equal">},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", plain<"hard_swish">},
    {"Identity", [](NodeContext& c) { return Results{c.input(0)}; }},
    {"IsInf", is_infinite},
    {"IsNaN", plain<"isnan">},
    {"LeakyRelu", with_float<"leaky_relu", "alpha">},
    {"Less", binary<"less">},
    {"LessOrEqual", plain<"less_equal">},
    {"Log", plain<"log">},
    {"Max", plain<"max">},
    {"Mean", mean},
    {"Min", plain<"min">},
    {"Mish", plain<"mish">},
    {"Mod", modulo},
    {"Mul", binary<"mul">},
    {"Neg", plain<"neg">},
    {"Not", plain<"logical_not">},
    {"Or", binary<"logical_or">},
    {"PRelu", prelu},
    {"Pow", binary<"pow">},
    {"Reciprocal", plain<"reciprocal">},
    {"Relu", plain<"relu">},
    {"Round", plain<"round">},
    {"Selu", selu},
    {"Shrink", shrink},
    {"Sigmoid", plain<"sigmoid">},
    {"Sign", plain<"sign">},
    {"Sin", plain<"sin">},
    {"Sinh", plain<"sinh">},
    {"Softplus", plain<"softplus">},
    {"Softsign", plain<"softsign">},
    {"Sqrt", plain<"sqrt">},
    {"Sub", binary<"sub">},
    {"Sum", plain<"sum">},
    {"Swish", with_float<"silu", "alpha">},
    {"Tan", plain<"tan">},
    {"Tanh", plain<"tanh">},
    {"ThresholdedRelu", with_float<"thresholded_relu", "alpha">},
    {"Where", plain<"where">},
    {"Xor", binary<"logical_xor">},
};

// With a bias, by the exact formula or by tanh.
template <Text approximate> Results biased_gelu(NodeContext& c) {
  Ref<Operand> x = c.has(1) ? c.call("add", {c.input(0), c.input(1)}) : c.input(0);
  return {c.call("gelu", {x}, {{"approximate", Name(approximate.value)}})};
}

constexpr OperatorRow microsoft_rows[] = {
    {"BiasGelu", biased_gelu<"none">},
    {"FastGelu", biased_gelu<"tanh">},
    {"Gelu", gelu},
    {"QuickGelu",
     [](NodeContext& c) {
       return Results{c.call("silu", {c.input(0)}, {{"alpha", c.attribute_float("alpha", 1.702f)}})};
     }},
};

} // namespace

OperatorTable elementwise_operators() { return {"", rows}; }
OperatorTable microsoft_elementwise_operators() { return {"com.microsoft", microsoft_rows}; }

Ref<Operand> activate(NodeContext& c, const Ref<Operand>& x, const std::string& name, std::optional<double> alpha,
                      std::optional<double> beta) {
  auto or_else = [](std::optional<double> value, double otherwise) { return value.value_or(otherwise); };
  DType type = NodeContext::type(x)->element;
  if (name == "Relu") return c.call("relu", {x});
  if (name == "Tanh") return c.call("tanh", {x});
  if (name == "Sigmoid") return c.call("sigmoid", {x});
  if (name == "Softsign") return c.call("softsign", {x});
  if (name == "Softplus") return c.call("softplus", {x});
  if (name == "HardSwish") return c.call("hard_swish", {x});
  if (name == "LeakyRelu") return c.call("leaky_relu", {x}, {{"alpha", or_else(alpha, 0.01)}});
  if (name == "Elu") return c.call("elu", {x}, {{"alpha", or_else(alpha, 1)}});
  if (name == "ThresholdedRelu") return c.call("thresholded_relu", {x}, {{"alpha", or_else(alpha, 1)}});
  if (name == "HardSigmoid") return c.call("hard_sigmoid", {x}, {{"alpha", or_else(alpha, 0.2)}, {"beta", or_else(beta, 0.5)}});
  if (name == "Clip") return c.call("clip", {x, c.scalar(or_else(alpha, -3.4e38), type), c.scalar(or_else(beta, 3.4e38), type)});
  if (name == "Affine") return c.call("add", {c.call("mul", {x, c.scalar(or_else(alpha, 1), type)}), c.scalar(or_else(beta, 0), type)});
  if (name == "ScaledTanh") {
    Ref<Operand> inner = c.call("tanh", {c.call("mul", {x, c.scalar(or_else(beta, 1), type)})});
    return c.call("mul", {inner, c.scalar(or_else(alpha, 1), type)});
  }
  throw unsupported("activation '{}' is not supported", name);
}

} // namespace tw::onnx
