// SPDX-License-Identifier: Apache-2.0
#include "cli/describe.h"

#include "frontends/onnx/importer.h"
#include "frontends/onnx/reader.h"
#include "frontends/onnx/summary.h"
#include "ir/visit.h"

#include <algorithm>
#include <fstream>

namespace tw::cli {
namespace {

// As compile/load_model.cpp tells it from other formats.
bool is_text(const std::string& path) {
  constexpr std::string_view head = "# tensorwright";
  std::ifstream file(path, std::ios::binary);
  std::string found(head.size(), 0);
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  return file && found == head;
}

Json operators_json(const std::vector<std::pair<std::string, int64_t>>& operators) {
  Json out = Json::object();
  for (const auto& [name, count] : operators) out[name] = count;
  return out;
}

std::string operators_text(const std::vector<std::pair<std::string, int64_t>>& operators) {
  std::vector<std::string> words;
  for (const auto& [name, count] : operators) words.push_back(fmt::format("{} {}", count, name));
  return fmt::format("operators: {}", fmt::join(words, ", "));
}

struct OnnxPort {
  std::string type;
  Json json;
};
OnnxPort describe(const onnx::Value& value) {
  Json shape = Json::array();
  if (value.type.shape)
    for (const onnx::Dimension& d : *value.type.shape)
      shape.push_back(d.size ? Json(*d.size) : d.name.empty() ? Json(nullptr) : Json(d.name));
  const std::string element = onnx::to_string(value.type.element);
  return {onnx::to_string(value.type), {{"name", value.name}, {"dtype", element}, {"shape", value.type.shape ? shape : Json(nullptr)}}};
}

int describe_onnx(const std::string& path, Output& output) {
  const onnx::Model model = onnx::read_model(path);
  const onnx::Summary summary = onnx::summary(model);
  const std::vector<std::string> missing = onnx::unsupported_parts(model);
  Table table({"", "name", "type"});
  Json inputs = Json::array(), outputs = Json::array();
  for (const auto& [list, word, json] : {std::tuple(&summary.inputs, "input", &inputs), std::tuple(&summary.outputs, "output", &outputs)})
    for (const onnx::Value& value : *list) {
      const OnnxPort port = describe(value);
      table.row({word, value.name, port.type});
      json->push_back(port.json);
    }
  Json opsets = Json::object();
  std::vector<std::string> versions;
  for (const auto& [domain, version] : summary.opsets) {
    opsets[domain.empty() ? "ai.onnx" : domain] = version;
    versions.push_back(fmt::format("{} {}", domain.empty() ? "ai.onnx" : domain, version));
  }
  output.result = {{"format", "onnx"},
                   {"producer", summary.producer},
                   {"opsets", opsets},
                   {"inputs", inputs},
                   {"outputs", outputs},
                   {"dimensions", summary.dynamic_dimensions},
                   {"operators", operators_json(summary.operators)},
                   {"nodes", summary.node_count},
                   {"weight_bytes", summary.weight_bytes},
                   {"unsupported", missing}};
  output.line(fmt::format("{}: ONNX, opset {}{}", path, fmt::join(versions, ", "),
                          summary.producer.empty() ? "" : ", made by " + summary.producer));
  output.line(table.text());
  if (!summary.dynamic_dimensions.empty()) output.line(fmt::format("dynamic dimensions: {}", fmt::join(summary.dynamic_dimensions, ", ")));
  output.line(operators_text(summary.operators));
  output.line(fmt::format("{} nodes, {} weights of {}", summary.node_count, summary.weight_count,
                          bytes_text(static_cast<double>(summary.weight_bytes))));
  for (const std::string& sentence : missing) output.line("unsupported: " + sentence);
  return missing.empty() ? exit_ok : exit_code(ErrorKind::unsupported);
}

int describe_text(const std::string& path, Output& output) {
  const Ref<Module> module = compile::load_model(path);
  std::map<std::string, int64_t> counts;
  visit(module, [&](const OpCall& call) { ++counts[call.op.str()]; });
  std::vector<std::pair<std::string, int64_t>> operators(counts.begin(), counts.end());
  std::stable_sort(operators.begin(), operators.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> functions;
  for (const auto& callable : module->functions) {
    if (const auto* function = as<Function>(callable)) functions.push_back(function->id.str());
    if (const auto* kernel = as<Kernel>(callable)) functions.push_back("kernel " + kernel->id.str());
  }
  output.result = {{"format", "text"}, {"functions", functions}, {"operators", operators_json(operators)}, {"unsupported", Json::array()}};
  output.line(fmt::format("{}: a module in text form: {}", path, fmt::join(functions, ", ")));
  output.line(operators_text(operators));
  return exit_ok;
}

} // namespace

int describe_model(const std::string& path, Output& output) {
  return is_text(path) ? describe_text(path, output) : describe_onnx(path, output);
}

} // namespace tw::cli
