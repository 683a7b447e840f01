// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/attributes.h"

#include "base/diagnostics.h"

namespace tw::onnx {
namespace {

template <class T> constexpr bool is_list = false;
template <class T> constexpr bool is_list<std::vector<T>> = true;

template <class T> const T* find(const Node& node, std::string_view name) {
  const Attribute* attribute = find_attribute(node, name);
  if (attribute == nullptr) return nullptr;
  if (const T* value = std::get_if<T>(&attribute->value)) return value;
  if constexpr (is_list<T>) {
    static const T empty;
    bool is_empty = std::visit(
        [](const auto& value) {
          if constexpr (is_list<std::decay_t<decltype(value)>>) return value.empty();
          else return false;
        },
        attribute->value);
    if (is_empty) return &empty;
  }
  throw user_error("attribute '{}' must be {}, but the model has {}", name, kind_name(T{}), kind_name(attribute->value)).at(describe(node));
}

template <class T> const T& get(const Node& node, std::string_view name) {
  if (const T* value = find<T>(node, name)) return *value;
  throw user_error("attribute '{}' ({}) is missing, and {} has no default for it", name, kind_name(T{}), node.op_type).at(describe(node));
}

template <class T> T get(const Node& node, std::string_view name, T default_value) {
  const T* value = find<T>(node, name);
  return value ? *value : std::move(default_value);
}

} // namespace

const Attribute* find_attribute(const Node& node, std::string_view name) {
  for (const Attribute& attribute : node.attributes)
    if (attribute.name == name) return &attribute;
  return nullptr;
}

int64_t attribute_int(const Node& node, std::string_view name) { return get<int64_t>(node, name); }
int64_t attribute_int(const Node& node, std::string_view name, int64_t default_value) { return get<int64_t>(node, name, default_value); }

bool attribute_bool(const Node& node, std::string_view name, bool default_value) {
  int64_t value = get<int64_t>(node, name, default_value ? 1 : 0);
  if (value != 0 && value != 1) throw user_error("attribute '{}' is {}, expected 0 or 1", name, value).at(describe(node));
  return value == 1;
}

float attribute_float(const Node& node, std::string_view name) { return get<float>(node, name); }
float attribute_float(const Node& node, std::string_view name, float default_value) { return get<float>(node, name, default_value); }

std::string attribute_string(const Node& node, std::string_view name) { return get<std::string>(node, name); }
std::string attribute_string(const Node& node, std::string_view name, std::string default_value) {
  return get<std::string>(node, name, std::move(default_value));
}

const Tensor& attribute_tensor(const Node& node, std::string_view name) { return get<Tensor>(node, name); }
const Graph& attribute_graph(const Node& node, std::string_view name) { return *get<std::shared_ptr<Graph>>(node, name); }

std::vector<int64_t> attribute_ints(const Node& node, std::string_view name) { return get<std::vector<int64_t>>(node, name); }
std::vector<int64_t> attribute_ints(const Node& node, std::string_view name, std::vector<int64_t> default_value) {
  return get<std::vector<int64_t>>(node, name, std::move(default_value));
}

std::vector<float> attribute_floats(const Node& node, std::string_view name) { return get<std::vector<float>>(node, name); }
std::vector<float> attribute_floats(const Node& node, std::string_view name, std::vector<float> default_value) {
  return get<std::vector<float>>(node, name, std::move(default_value));
}

std::vector<std::string> attribute_strings(const Node& node, std::string_view name) { return get<std::vector<std::string>>(node, name); }
std::vector<std::string> attribute_strings(const Node& node, std::string_view name, std::vector<std::string> default_value) {
  return get<std::vector<std::string>>(node, name, std::move(default_value));
}

} // namespace tw::onnx
