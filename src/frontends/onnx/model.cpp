// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/model.h"

#include "base/checked.h"
#include "base/diagnostics.h"

#include <array>

namespace tw::onnx {
namespace {

std::string to_string(const Dimension& dimension) {
  if (dimension.size) return std::to_string(*dimension.size);
  return dimension.name.empty() ? "?" : dimension.name;
}

std::string inner_name(const ValueType& type) { return type.inner ? to_string(*type.inner) : "unknown"; }

} // namespace

std::string to_string(const ValueType& type) {
  using Kind = ValueType::Kind;
  switch (type.kind) {
  case Kind::unknown: return "unknown";
  case Kind::opaque: return "opaque";
  case Kind::sequence: return "sequence(" + inner_name(type) + ")";
  case Kind::optional: return "optional(" + inner_name(type) + ")";
  case Kind::map: return "map(" + to_string(type.element) + ", " + inner_name(type) + ")";
  case Kind::tensor:
  case Kind::sparse_tensor: break;
  }
  std::string text = (type.kind == Kind::sparse_tensor ? "sparse " : "") + to_string(type.element) + "[";
  if (!type.shape) return text + "…]";
  for (size_t i = 0; i < type.shape->size(); ++i) text += (i ? ", " : "") + to_string((*type.shape)[i]);
  return text + "]";
}

int64_t Tensor::element_count() const {
  auto count = checked_product(shape);
  TW_CHECK(count.has_value(), "tensor '{}'", name);
  return *count;
}

DType Tensor::dtype() const { return dtype_of(element, fmt::format("tensor '{}'", name)); }

std::string kind_name(const Attribute::Value& value) {
  static constexpr std::array names{"a float",          "an int",           "a string",       "a tensor",          "a graph",
                                    "a type",           "a list of floats", "a list of ints", "a list of strings", "a list of tensors",
                                    "a list of graphs", "a list of types"};
  static_assert(names.size() == std::variant_size_v<Attribute::Value>);
  return names[value.index()];
}

std::string describe(const Node& node) {
  std::string op_type = node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
  if (!node.name.empty()) return fmt::format("node '{}' ({})", node.name, op_type);
  for (const std::string& output : node.outputs)
    if (!output.empty()) return fmt::format("the node that makes '{}' ({})", output, op_type);
  return fmt::format("a node without a name ({})", op_type);
}

} // namespace tw::onnx
