// SPDX-License-Identifier: Apache-2.0
// Normalisations: batch, instance, group, layer, root mean square, local response, and the fused forms of ONNX Runtime.
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

namespace tw::onnx {
namespace {

std::string refuse_batch_norm(const Node& node) {
  if (node.opset < 9 && attribute_int(node, "spatial", 1) != 1) return "statistics for each activation (spatial = 0)";
  return "";
}
// In training the statistics are those of the batch, and the running ones follow them.
Results train_batch_norm(NodeContext& c) {
  std::vector<int64_t> axes;
  for (int64_t d = 0; d < c.rank(0); ++d)
    if (d != 1) axes.push_back(d);
  DType type = c.element(3);
  Ref<Operand> x = c.cast(c.input(0), type);
  auto mean_of = [&](const Ref<Operand>& y, bool keep) {
    return c.call("reduce_mean", {y}, {{"axes", List<int64_t>(std::vector<int64_t>(axes))}, {"keepdims", keep}});
  };
  Ref<Operand> mean = mean_of(x, false), centred = c.call("sub", {x, mean_of(x, true)});
  Ref<Operand> variance = mean_of(c.call("mul", {centred, centred}), false);
  auto follow = [&](const Ref<Operand>& old, const Ref<Operand>& now) {
    const double kept = c.attribute_float("momentum", 0.9f);
    return c.call("add", {c.call("mul", {old, c.scalar(kept, type)}), c.call("mul", {now, c.scalar(1 - kept, type)})});
  };
  Ref<Operand> y =
      c.call("batch_norm", {c.input(0), c.input(1), c.input(2), mean, variance}, {{"epsilon", c.attribute_float("epsilon", 1e-5f)}});
  return {y, follow(c.input(3), mean), follow(c.input(4), variance)};
}
Results batch_norm(NodeContext& c) {
  if (c.opset() >= 14 && c.attribute_int("training_mode", 0) != 0) return train_batch_norm(c);
  return {c.call("batch_norm", {c.input(0), c.input(1), c.input(2), c.input(3), c.input(4)},
                 {{"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
}

Results instance_norm(NodeContext& c) {
  return {c.call("instance_norm", {c.input(0), c.input(1), c.input(2)}, {{"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
}

// Scale and bias are one number for each channel; in opset 18 they were one for each group.
Results group_norm(NodeContext& c) {
  if (c.rank(0) < 3) throw user_error("input 0 must have rank 3 or more (batch, channels, space), found {}", c.rank(0));
  int64_t groups = onnx::attribute_int(c.node, "num_groups");
  Ref<Expr> channels = c.shape(0)[1];
  auto known = as_int(channels);
  if (groups < 1 || (known && *known % groups != 0))
    throw user_error("attribute 'num_groups' must divide the {} channels, found {}", ops::to_string(channels), groups);
  auto parameter = [&](size_t i) -> Ref<Operand> {
    if (c.opset() >= 21) return c.input(i);
    Ref<Expr> each = ops::simplified(floordiv(channels, groups));
    Ref<Operand> column = c.reshape(c.input(i), {imm(groups), imm(1)});
    return c.reshape(c.call("expand", {column}, {{"shape", List<Ref<Expr>>{imm(groups), each}}}), {channels});
  };
  return {c.call("group_norm", {c.input(0), parameter(1), parameter(2)},
                 {{"groups", groups}, {"epsilon", c.attribute_float("epsilon", 1e-5f)}})};
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

Results lp_norm(NodeContext& c) {
  return {c.call("lp_norm", {c.input(0)}, {{"axis", c.axis(c.attribute_int("axis", -1), c.rank(0))}, {"p", c.attribute_int("p", 2)}})};
}

Results mean_variance_norm(NodeContext& c) {
  return {c.call("mean_variance_norm", {c.input(0)}, {{"axes", List<int64_t>(c.attribute_ints("axes", {0, 2, 3}))}})};
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
