// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/summary.h"

#include <algorithm>

namespace tw::onnx {
namespace {

void count(const Graph& graph, Summary& summary, std::map<std::string, int64_t>& operators) {
  summary.node_count += static_cast<int64_t>(graph.nodes.size());
  summary.weight_count += static_cast<int64_t>(graph.initializers.size());
  for (const Tensor& tensor : graph.initializers) {
    summary.weight_elements += tensor.element_count();
    summary.weight_bytes += static_cast<int64_t>(tensor.bytes.size());
  }
  for (const Node& node : graph.nodes) {
    ++operators[node.domain.empty() ? node.op_type : node.domain + "." + node.op_type];
    for (const Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.value)) count(**inner, summary, operators);
      if (auto* list = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.value))
        for (const auto& one : *list) count(*one, summary, operators);
    }
  }
}

void add_names(const ValueType& type, std::vector<std::string>& names) {
  if (type.inner) add_names(*type.inner, names);
  if (!type.shape) return;
  for (const Dimension& dimension : *type.shape)
    if (!dimension.name.empty() && std::find(names.begin(), names.end(), dimension.name) == names.end()) names.push_back(dimension.name);
}

} // namespace

Summary summary(const Model& model) {
  Summary result;
  result.ir_version = model.ir_version;
  result.producer = model.producer_name + (model.producer_version.empty() ? "" : " " + model.producer_version);
  result.opsets = model.opset_imports;
  result.inputs = model.graph.inputs;
  result.outputs = model.graph.outputs;
  for (const Value& input : model.graph.inputs) add_names(input.type, result.dynamic_dimensions);
  std::map<std::string, int64_t> operators;
  count(model.graph, result, operators);
  result.operators.assign(operators.begin(), operators.end());
  std::stable_sort(result.operators.begin(), result.operators.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return result;
}

} // namespace tw::onnx
