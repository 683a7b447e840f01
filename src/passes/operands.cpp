// SPDX-License-Identifier: Apache-2.0
#include "passes/operands.h"

#include "ir/arrangement.h"

#include "arith/analyzer.h"
#include "ops/element.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tw::passes {

// ---- attributes
const Attr::Value& attribute_value(const OpCall& call, std::string_view name) {
  for (const auto& attr : call.attrs)
    if (attr->name.str() == name) return attr->value;
  for (const auto& spec : ops::get(call.op).attributes)
    if (spec.name == name) return spec.default_value;
  throw internal_error("operator '{}' has no attribute '{}'", call.op.str(), name);
}

Shape sizes_attribute(const OpCall& call, std::string_view name) {
  const Attr::Value& value = attribute_value(call, name);
  if (const auto* integers = std::get_if<List<int64_t>>(&value))
    return shape_of(std::span<const int64_t>(integers->begin(), integers->size()));
  return std::get<Shape>(value);
}

bool has_attribute(const OpCall& call, std::string_view name) {
  for (const auto& spec : ops::get(call.op).attributes)
    if (spec.name == name) return true;
  return false;
}

namespace {
void set_attribute(Name op, std::map<std::string, Attr::Value>& values, std::string_view name, Attr::Value value) {
  for (const auto& spec : ops::get(op).attributes)
    if (spec.name == name) {
      if (ops::same_value(value, spec.default_value)) values.erase(spec.name);
      else values.insert_or_assign(spec.name, ops::canonical(std::move(value)));
      return;
    }
  throw internal_error("operator '{}' has no attribute '{}'", op.str(), name);
}
std::vector<Ref<Attr>> to_list(const std::map<std::string, Attr::Value>& values) {
  std::vector<Ref<Attr>> out;
  for (const auto& [name, value] : values) out.push_back(make(Attr{.name = name, .value = value}));
  return out;
}
} // namespace

std::vector<Ref<Attr>> with_attribute(const OpCall& call, std::string_view name, Attr::Value value) {
  std::map<std::string, Attr::Value> values;
  for (const auto& attr : call.attrs) values.emplace(attr->name.str(), attr->value);
  set_attribute(call.op, values, name, std::move(value));
  return to_list(values);
}

std::vector<Ref<Attr>> attributes(Name op, std::vector<std::pair<const char*, Attr::Value>> given) {
  std::map<std::string, Attr::Value> values;
  for (auto& [name, value] : given) set_attribute(op, values, name, std::move(value));
  return to_list(values);
}

int64_t normal_axis(int64_t axis, size_t rank) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; }

std::vector<int64_t> normal_axes(const List<int64_t>& axes, size_t rank) {
  std::vector<int64_t> out;
  for (int64_t axis : axes) out.push_back(normal_axis(axis, rank));
  return out;
}

// ---- operands
Ref<Operand> argument(const OpCall& call, size_t i) {
  TW_CHECK(has_argument(call, i), "operator '{}' has no argument {}", call.op.str(), i);
  return as_ref<Operand>(call.args[i]);
}

bool is_tensor(const Node* operand) { return operand && as<TensorType>(type_of(operand)); }
Shape shape_of_operand(const Node* operand) { return tensor_of(operand)->shape; }
DType element_of(const Node* operand) { return tensor_of(operand)->element; }

bool same_shape(const Shape& a, const Shape& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    auto x = as_int(a[i]), y = as_int(b[i]);
    if (x && y ? *x != *y : !a[i].same_as(b[i]) && !arith::prove_equal(a[i], b[i])) return false;
  }
  return true;
}

bool broadcasts_into(const Shape& from, const Shape& shape) {
  if (from.size() > shape.size()) return false;
  size_t offset = shape.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (!is_int(from[i], 1) && !same_shape({from[i]}, {shape[offset + i]})) return false;
  return true;
}

// ---- constants
const Constant* constant_of(const Node* operand) { return as<Constant>(operand); }

std::optional<double> uniform_value(const Node* operand) {
  const auto* constant = as<Constant>(operand);
  if (!constant) return {};
  auto width = static_cast<size_t>(constant->type->element.bytes());
  if (constant->data.size() < width) return {};
  // Weights differ somewhere among their first elements; only what does not is read as a whole.
  std::byte first[16], other[16];
  constant->data.read(0, {first, width});
  for (size_t at = width; at < std::min(constant->data.size(), 64 * width); at += width) {
    constant->data.read(at, {other, width});
    if (std::memcmp(first, other, width) != 0) return {};
  }
  auto bytes = constant->data.bytes();
  for (size_t at = width; at < bytes.size(); at += width)
    if (std::memcmp(bytes.data(), bytes.data() + at, width) != 0) return {};
  return ops::read_element(bytes.data(), constant->type->element);
}

bool about(double value, double expected) { return std::abs(value - expected) <= 1e-6 * std::abs(expected); }

bool is_uniform(const Node* operand, double value) {
  auto found = uniform_value(operand);
  return found && *found == value;
}

Ref<Constant> reshaped(const Constant& constant, const Shape& shape) {
  Constant copy(constant);
  copy.type = tensor_type(shape, constant.type->element);
  return make(std::move(copy));
}

std::vector<int64_t> dense_strides(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

List<Ref<Expr>> dense_strides(const Shape& shape) {
  std::vector<Ref<Expr>> strides(shape.size(), imm(1));
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = arith::simplify(strides[d] * shape[d]);
  return List<Ref<Expr>>(std::move(strides));
}

Ref<Constant> transposed(const Constant& constant, const std::vector<int64_t>& axes) {
  auto sizes = static_shape(constant.type->shape);
  TW_CHECK(sizes && sizes->size() == axes.size());
  std::vector<int64_t> shape;
  for (int64_t axis : axes) shape.push_back((*sizes)[static_cast<size_t>(axis)]);
  Constant copy(constant);
  copy.type = tensor_type(shape_of(std::span<const int64_t>(shape)), constant.type->element);
  copy.data = permuted(constant.data, constant.type->element, *sizes, axes);
  return make(std::move(copy));
}

Ref<Value> reshaped(GraphRewriter& graph, const Opt<Operand>& x, const Shape& shape) {
  return graph.call("reshape", {x}, attributes("reshape", {{"shape", shape}}));
}

Ref<Constant> sliced(const Constant& constant, const std::vector<int64_t>& begin, const std::vector<int64_t>& sizes) {
  auto shape = static_shape(constant.type->shape);
  TW_CHECK(shape && begin.size() == shape->size() && sizes.size() == shape->size());
  std::vector<ReadAt> reads;
  for (size_t d = 0; d < begin.size(); ++d) reads.push_back({.dimension = d, .begin = begin[d]});
  Constant copy(constant);
  copy.type = tensor_type(shape_of(std::span<const int64_t>(sizes)), constant.type->element);
  copy.data = indexed(constant.data, constant.type->element, *shape, reads, sizes);
  return make(std::move(copy));
}

Ref<Constant> scaled_along(const Constant& constant, size_t axis, const std::vector<double>& factors) {
  auto sizes = static_shape(constant.type->shape);
  TW_CHECK(sizes && axis < sizes->size() && static_cast<size_t>((*sizes)[axis]) == factors.size());
  DType type = constant.type->element;
  Constant copy(constant);
  if (type == f32) {
    copy.data = scaled(constant.data, type, *sizes, axis, factors);
    return make(std::move(copy));
  }
  auto width = static_cast<size_t>(type.bytes()), inner = static_cast<size_t>(dense_strides(*sizes)[axis]);
  auto source = constant.data.bytes();
  std::vector<std::byte> bytes(source.size());
  for (size_t i = 0; i < source.size() / width; ++i)
    ops::write_element(bytes.data() + i * width, type,
                       ops::read_element(source.data() + i * width, type) * factors[i / inner % factors.size()]);
  copy.data = Blob(std::move(bytes));
  return make(std::move(copy));
}

Ref<Constant> vector_constant(const std::vector<double>& values, DType type, Name id) {
  return interpreter::Array::of(type, {static_cast<int64_t>(values.size())}, std::span<const double>(values)).constant(id);
}

int64_t byte_count(const TensorType& type) {
  auto sizes = static_shape(type.shape);
  if (!sizes) return unbounded;
  int64_t bytes = type.element.bytes();
  for (int64_t size : *sizes)
    if (__builtin_mul_overflow(bytes, size, &bytes)) return unbounded;
  return bytes;
}

} // namespace tw::passes
