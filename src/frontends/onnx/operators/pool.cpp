// SPDX-License-Identifier: Apache-2.0
// Pools: the largest, mean or norm of each window, or of all of a channel.
#include "frontends/onnx/operators/windows.h"

namespace tw::onnx {
namespace {

NodeContext::Attributes pool_attributes(const NodeContext& c) {
  std::vector<Ref<Expr>> kernel;
  for (int64_t k : attribute_ints(c.node, "kernel_shape")) {
    if (k < 1) throw user_error("attribute 'kernel_shape' must have values of at least 1, found {}", k);
    kernel.push_back(imm(k));
  }
  WindowAttributes w = window_attributes(c, spatial_sizes(c.shape(0)), kernel);
  return {{"kernel", List<Ref<Expr>>(kernel)},
          {"strides", List<int64_t>(w.strides)},
          {"dilations", List<int64_t>(w.dilations)},
          {"pads", List<Ref<Expr>>(w.pads)},
          {"ceil_mode", c.attribute_bool("ceil_mode", false)}};
}

Results max_pool(NodeContext& c) {
  auto attributes = pool_attributes(c);
  attributes.emplace_back("indices", c.wants(1));
  attributes.emplace_back("column_major", c.wants(1) && c.attribute_bool("storage_order", false));
  return c.call_all("max_pool", {c.input(0)}, attributes);
}

Results average_pool(NodeContext& c) {
  auto attributes = pool_attributes(c);
  attributes.emplace_back("count_include_pad", c.attribute_bool("count_include_pad", false));
  return {c.call("average_pool", {c.input(0)}, attributes)};
}

Results lp_pool(NodeContext& c) {
  auto attributes = pool_attributes(c);
  attributes.emplace_back("p", c.attribute_int("p", 2));
  return {c.call("lp_pool", {c.input(0)}, attributes)};
}

std::vector<int64_t> spatial_axes(const NodeContext& c) {
  std::vector<int64_t> axes;
  for (int64_t d = 2; d < static_cast<int64_t>(spatial_sizes(c.shape(0)).size()) + 2; ++d) axes.push_back(d);
  return axes;
}

Results global_lp_pool(NodeContext& c) {
  int64_t p = c.attribute_int("p", 2);
  List<int64_t> axes(spatial_axes(c));
  if (p == 1 || p == 2) return {c.call(p == 1 ? "reduce_l1" : "reduce_l2", {c.input(0)}, {{"axes", axes}})};
  if (p < 1) throw user_error("attribute 'p' must be at least 1, found {}", p);
  DType type = c.element(0);
  Ref<Operand> powers = c.call("pow", {c.call("abs", {c.input(0)}), c.scalar(static_cast<double>(p), type)});
  return {c.call("pow", {c.call("reduce_sum", {powers}, {{"axes", axes}}), c.scalar(1.0 / static_cast<double>(p), type)})};
}

constexpr OperatorRow rows[] = {
    {"AveragePool", average_pool},
    {"GlobalAveragePool", plain<"global_average_pool">},
    {"GlobalLpPool", global_lp_pool},
    {"GlobalMaxPool", plain<"global_max_pool">},
    {"LpPool", lp_pool},
    {"MaxPool", max_pool},
};

} // namespace

OperatorTable pool_operators() { return {"", rows}; }

} // namespace tw::onnx
