// SPDX-License-Identifier: Apache-2.0
#include "passes/operands.h"

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
  auto bytes = constant->data.bytes();
  auto width = static_cast<size_t>(constant->type->element.bytes());
  if (bytes.size() < width) return {};
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

namespace {
template <size_t width>
void copy_rows(std::byte* to, const std::vector<int64_t>& to_strides, const std::byte* from, const std::vector<int64_t>& from_strides,
               const std::vector<int64_t>& shape, size_t dimension) {
  int64_t extent = shape[dimension], to_step = to_strides[dimension] * static_cast<int64_t>(width),
          from_step = from_strides[dimension] * static_cast<int64_t>(width);
  bool innermost = dimension + 1 == shape.size();
  if (innermost && to_strides[dimension] == 1 && from_strides[dimension] == 1) {
    std::memcpy(to, from, static_cast<size_t>(extent) * width);
    return;
  }
  for (int64_t i = 0; i < extent; ++i) {
    if (innermost) std::memcpy(to + i * to_step, from + i * from_step, width);
    else copy_rows<width>(to + i * to_step, to_strides, from + i * from_step, from_strides, shape, dimension + 1);
  }
}
} // namespace

void copy_strided(std::byte* to, const std::vector<int64_t>& to_strides, const std::byte* from, const std::vector<int64_t>& from_strides,
                  const std::vector<int64_t>& shape, size_t element_bytes) {
  for (int64_t extent : shape)
    if (extent == 0) return;
  if (shape.empty()) {
    std::memcpy(to, from, element_bytes);
    return;
  }
  switch (element_bytes) {
  case 1: return copy_rows<1>(to, to_strides, from, from_strides, shape, 0);
  case 2: return copy_rows<2>(to, to_strides, from, from_strides, shape, 0);
  case 4: return copy_rows<4>(to, to_strides, from, from_strides, shape, 0);
  case 8: return copy_rows<8>(to, to_strides, from, from_strides, shape, 0);
  default: throw internal_error("an element of {} bytes", element_bytes);
  }
}

Ref<Constant> transposed(const Constant& constant, const std::vector<int64_t>& axes) {
  auto sizes = static_shape(constant.type->shape);
  TW_CHECK(sizes && sizes->size() == axes.size());
  std::vector<int64_t> strides = dense_strides(*sizes), from_strides, shape;
  for (int64_t axis : axes) {
    shape.push_back((*sizes)[static_cast<size_t>(axis)]);
    from_strides.push_back(strides[static_cast<size_t>(axis)]);
  }
  std::vector<std::byte> bytes(constant.data.size());
  copy_strided(bytes.data(), dense_strides(shape), constant.data.bytes().data(), from_strides, shape,
               static_cast<size_t>(constant.type->element.bytes()));
  Constant copy(constant);
  copy.type = tensor_type(shape_of(std::span<const int64_t>(shape)), constant.type->element);
  copy.data = Blob(std::move(bytes));
  return make(std::move(copy));
}

Ref<Constant> scaled_along(const Constant& constant, size_t axis, const std::vector<double>& factors) {
  auto sizes = static_shape(constant.type->shape);
  TW_CHECK(sizes && axis < sizes->size() && static_cast<size_t>((*sizes)[axis]) == factors.size());
  size_t inner = 1, outer = 1;
  for (size_t d = 0; d < sizes->size(); ++d) (d < axis ? outer : inner) *= d == axis ? 1 : static_cast<size_t>((*sizes)[d]);
  DType type = constant.type->element;
  auto width = static_cast<size_t>(type.bytes());
  auto source = constant.data.bytes();
  std::vector<std::byte> bytes(source.size());
  for (size_t o = 0; o < outer; ++o)
    for (size_t c = 0; c < factors.size(); ++c) {
      size_t begin = (o * factors.size() + c) * inner;
      if (type == f32) {
        const float* from = reinterpret_cast<const float*>(source.data()) + begin;
        float* to = reinterpret_cast<float*>(bytes.data()) + begin;
        for (size_t i = 0; i < inner; ++i) to[i] = static_cast<float>(from[i] * factors[c]);
      } else {
        for (size_t i = begin; i < begin + inner; ++i)
          ops::write_element(bytes.data() + i * width, type, ops::read_element(source.data() + i * width, type) * factors[c]);
      }
    }
  Constant copy(constant);
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
