// SPDX-License-Identifier: Apache-2.0
// Normalisations: batch, instance, group, layer, root mean square, local response, and the fused forms of ONNX Runtime.
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

namespace tw::onnx {
namespace {

std::string refuse_batch_norm(const Node& node) {
  if (node.opset < 9 && attribute_int(node, "spatial", 1) != 1) return "statistics for each activation (spatial = 0)";
  if (node.opset >= 14 && attribute_int(node, "training_mode", 0) != 0) return "training mode";
  return "";
}
Results batch_norm(NodeContext& c) {
  return {c.call("batch_norm", {c.input(0), c.input(1), c.input(2), c.input(3), c.input(4)},
                 {{"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
}

Ref<Operand> with_trailing_ones(NodeContext& c, const Ref<Operand>& x, std::vector<Ref<Expr>> leading, size_t ones) {
  leading.insert(leading.end(), ones, imm(1));
  return c.reshape(x, leading);
}

// Each channel of each image by itself: a layer norm over space, whose scale is one number for each channel.
Results instance_norm(NodeContext& c) {
  Shape shape = c.shape(0);
  if (shape.size() < 3) throw user_error("input 0 must have rank 3 or more (batch, channels, space), found {}", shape.size());
  auto parameter = [&](size_t i) { return with_trailing_ones(c, c.input(i), {shape[1]}, shape.size() - 2); };
  return {c.call("layer_norm", {c.input(0), parameter(1), parameter(2)},
                 {{"axis", int64_t{2}}, {"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
}

// Channels in groups; the scale is one number for each group (opset 18) or for each channel (from 21).
Results group_norm(NodeContext& c) {
  Shape shape = c.shape(0);
  if (shape.size() < 3) throw user_error("input 0 must have rank 3 or more (batch, channels, space), found {}", shape.size());
  int64_t groups = attribute_int(c.node, "num_groups");
  auto channels = as_int(shape[1]);
  if (groups < 1 || (channels && *channels % groups != 0))
    throw user_error("attribute 'num_groups' must divide the {} channels, found {}", ops::to_string(shape[1]), groups);
  Ref<Expr> each = ops::simplified(floordiv(shape[1], groups));
  std::vector<Ref<Expr>> split{shape[0], imm(groups), each}, per_channel{imm(groups), each}, per_group{imm(groups), imm(1)};
  split.insert(split.end(), shape.begin() + 2, shape.end());
  auto parameter = [&](size_t i) { return with_trailing_ones(c, c.input(i), c.opset() >= 21 ? per_channel : per_group, shape.size() - 2); };
  Ref<Operand> y = c.call("layer_norm", {c.reshape(c.input(0), split), parameter(1), parameter(2)},
                          {{"axis", int64_t{2}}, {"epsilon", c.attribute_float("epsilon", 1e-5f)}});
  return {c.reshape(y, shape.vector())};
}

Results layer_norm(NodeContext& c) {
  bool statistics = c.wants(1) || c.wants(2);
  return c.call_all("layer_norm", {c.input(0), c.optional(1), c.optional(2)},
                    {{"axis", c.axis(c.attribute_int("axis", -1), c.rank(0))},
                     {"epsilon", c.attribute_float("epsilon", 1e-5f)},
                     {"statistics", statistics}});
}

Results rms_norm(NodeContext& c) {
  return {c.call("rms_norm", {c.input(0), c.optional(1)},
                 {{"axis", c.axis(c.attribute_int("axis", -1), c.rank(0))}, {"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
}

// The sum of input, skip and bias, normalised; the sum itself is output 3.
Results skip_norm(NodeContext& c, const Ref<Operand>& sum, bool root_mean_square) {
  double epsilon = c.attribute_float("epsilon", 1e-12f);
  int64_t axis = NodeContext::rank(sum) - 1;
  if (root_mean_square) {
    if (c.wants(1) || c.wants(2)) throw unsupported("the statistics that training needs (outputs 1 and 2) are not supported");
    Ref<Operand> y = c.call("rms_norm", {sum, c.optional(2)}, {{"axis", axis}, {"epsilon", epsilon}});
    return {y, y, y, sum};
  }
  Results out = c.call_all("layer_norm", {sum, c.input(2), c.optional(3)},
                           {{"axis", axis}, {"epsilon", epsilon}, {"statistics", c.wants(1) || c.wants(2)}});
  while (out.size() < 3) out.push_back(out[0]);
  out.push_back(sum);
  return out;
}
template <bool root_mean_square> Results skip_layer_norm(NodeContext& c) {
  Ref<Operand> sum = c.call("add", {c.input(0), c.input(1)});
  size_t bias = root_mean_square ? 3 : 4;
  if (c.has(bias)) sum = c.call("add", {sum, c.input(bias)});
  return skip_norm(c, sum, root_mean_square);
}

Results local_response_norm(NodeContext& c) {
  return {c.call("local_response_norm", {c.input(0)},
                 {{"size", attribute_int(c.node, "size")},
                  {"alpha", c.attribute_float("alpha", 1e-4f)},
                  {"beta", c.attribute_float("beta", 0.75f)},
                  {"bias", c.attribute_float("bias", 1)}})};
}

// x / |x|; a vector of zeros stays.
Results lp_norm(NodeContext& c) {
  int64_t p = c.attribute_int("p", 2);
  if (p != 1 && p != 2) throw user_error("attribute 'p' must be 1 or 2, found {}", p);
  List<int64_t> axes{c.axis(c.attribute_int("axis", -1), c.rank(0))};
  Ref<Operand> norm = c.call(p == 1 ? "reduce_l1" : "reduce_l2", {c.input(0)}, {{"axes", axes}});
  DType type = c.element(0);
  Ref<Operand> safe = c.call("where", {c.call("equal", {norm, c.scalar(0, type)}), c.scalar(1, type), norm});
  return {c.call("div", {c.input(0), safe})};
}

Results mean_variance_norm(NodeContext& c) {
  std::vector<int64_t> axes = c.attribute_ints("axes", {0, 2, 3});
  for (auto& a : axes) a = c.axis(a, c.rank(0), "axes");
  auto mean = [&](const Ref<Operand>& x) { return c.call("reduce_mean", {x}, {{"axes", List<int64_t>(axes)}}); };
  Ref<Operand> centred = c.call("sub", {c.input(0), mean(c.input(0))});
  Ref<Operand> deviation = c.call("sqrt", {mean(c.call("mul", {centred, centred}))});
  return {c.call("div", {centred, c.call("add", {deviation, c.scalar(1e-9, c.element(0))})})};
}

constexpr OperatorRow rows[] = {
    {"BatchNormalization", batch_norm, refuse_batch_norm},
    {"GroupNormalization", group_norm},
    {"InstanceNormalization", instance_norm},
    {"LRN", local_response_norm},
    {"LayerNormalization", layer_norm},
    {"LpNormalization", lp_norm},
    {"MeanVarianceNormalization", mean_variance_norm},
    {"RMSNormalization", rms_norm},
    {"SimplifiedLayerNormalization", rms_norm},
};
constexpr OperatorRow microsoft_rows[] = {
    {"SimplifiedLayerNormalization", rms_norm},
    {"SkipLayerNormalization", skip_layer_norm<false>},
    {"SkipSimplifiedLayerNormalization", skip_layer_norm<true>},
};

} // namespace

OperatorTable normalisation_operators() { return {"", rows}; }
OperatorTable microsoft_normalisation_operators() { return {"com.microsoft", microsoft_rows}; }

} // namespace tw::onnx
