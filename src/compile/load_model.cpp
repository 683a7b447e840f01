// SPDX-License-Identifier: Apache-2.0
// A model file's format is found from its content; a text of ours is recognised by its first line.
#include "compile/compile.h"

#include "frontends/onnx/importer.h"
#include "ir/text.h"
#include "ops/op.h"

#include <fstream>
#include <sstream>

namespace tw::compile {
namespace {

constexpr std::string_view text_head = "# tensorwright";

bool is_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(text_head.size(), '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return file && head == text_head;
}

Ref<Module> load_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  Scope scope;
  scope.result_types = [](const Operation& operation) {
    std::vector<Ref<Type>> types;
    if (const auto* call = as<OpCall>(&operation))
      for (const auto& t : ops::infer_types(*call)) types.push_back(t);
    return types;
  };
  return parse(content.str(), Source{.file = path.string()}, scope);
}

} // namespace

Ref<Module> load_model(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw user_error("there is no file '{}'", path.string());
  if (std::filesystem::is_directory(path, error)) throw user_error("'{}' is a folder, expected a model file", path.string());
  if (is_text(path)) return load_text(path);
  return onnx::load(path);
}

} // namespace tw::compile
