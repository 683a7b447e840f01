// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/importer.h"

#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"
#include "frontends/onnx/opset.h"
#include "frontends/onnx/reader.h"

#include <algorithm>
#include <set>

namespace tw::onnx {
namespace {

// Nodes of one unsupported operator, in the order of the model.
struct Missing {
  std::string label;
  std::vector<std::string> nodes;
};

class Survey {
public:
  void graph(const Graph& graph) {
    for (const Tensor& tensor : graph.initializers)
      if (!find_dtype(tensor.element))
        sentences.push_back(fmt::format("initializer '{}' has elements of {}", tensor.name, to_string(tensor.element)));
    for (const Node& node : graph.nodes) visit(node);
  }
  void inputs(const Graph& graph) {
    for (const Value& input : graph.inputs) {
      const ValueType& type = input.type;
      if (type.kind != ValueType::Kind::tensor || !find_dtype(type.element))
        sentences.push_back(fmt::format("input '{}' is a {}", input.name, to_string(type)));
      else if (!type.shape) sentences.push_back(fmt::format("input '{}' has no declared shape, not even a rank", input.name));
    }
  }
  std::vector<std::string> sentences;
  std::vector<Missing> missing;

private:
  void visit(const Node& node) {
    const OperatorRow* row = find_operator(node.domain, node.op_type);
    if (!row) {
      std::string label = node.domain.empty() ? node.op_type : fmt::format("{} (domain {})", node.op_type, node.domain);
      auto found = std::find_if(missing.begin(), missing.end(), [&](const Missing& m) { return m.label == label; });
      if (found == missing.end()) found = missing.insert(missing.end(), Missing{label, {}});
      found->nodes.push_back(!node.name.empty() || node.outputs.empty() ? node.name : node.outputs[0]);
    } else if (row->refuse) {
      std::string reason = row->refuse(node);
      if (!reason.empty()) sentences.push_back(fmt::format("{}: {}", describe(node), reason));
    }
    for (const Attribute& attribute : node.attributes) {
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute.value)) graph(**inner);
      if (auto* list = std::get_if<std::vector<std::shared_ptr<Graph>>>(&attribute.value))
        for (const auto& one : *list) graph(*one);
      if (auto* tensor = std::get_if<Tensor>(&attribute.value); tensor && row && !find_dtype(tensor->element))
        sentences.push_back(
            fmt::format("{}: attribute '{}' has elements of {}", describe(node), attribute.name, to_string(tensor->element)));
    }
  }
};

std::string node_list(const std::vector<std::string>& nodes) {
  constexpr size_t most = 5;
  std::vector<std::string> quoted;
  for (size_t i = 0; i < std::min(most, nodes.size()); ++i) quoted.push_back("'" + nodes[i] + "'");
  std::string more = nodes.size() > most ? fmt::format(" and {} more", nodes.size() - most) : "";
  return fmt::format("at node{} {}{}", nodes.size() == 1 ? "" : "s", fmt::join(quoted, ", "), more);
}

} // namespace

std::vector<std::string> unsupported_parts(const Model& model) {
  Survey survey;
  survey.inputs(model.graph);
  survey.graph(model.graph);
  std::vector<std::string> out;
  if (!survey.missing.empty()) {
    std::vector<std::string> each;
    for (const Missing& m : survey.missing) each.push_back(fmt::format("{} {}", m.label, node_list(m.nodes)));
    out.push_back(fmt::format("{} operator{}: {}", each.size(), each.size() == 1 ? "" : "s", fmt::join(each, "; ")));
  }
  out.insert(out.end(), survey.sentences.begin(), survey.sentences.end());
  return out;
}

Ref<Module> import_model(const Model& model, const ImportOptions& options) {
  check_opset(model);
  auto parts = unsupported_parts(model);
  if (!parts.empty()) throw tw::unsupported("{}", fmt::join(parts, "; "));
  return GraphImporter(model, options).run();
}

Ref<Module> load(const std::string& path, const ImportOptions& options) {
  Model model = read_model(path);
  return with_place(path, [&] { return import_model(model, options); });
}

std::vector<std::string> supported_operators() {
  std::set<std::string> names;
  for (const OperatorTable& table : operator_tables())
    for (const OperatorRow& row : table.rows) names.insert(*table.domain ? fmt::format("{}.{}", table.domain, row.op_type) : row.op_type);
  return {names.begin(), names.end()};
}

} // namespace tw::onnx
