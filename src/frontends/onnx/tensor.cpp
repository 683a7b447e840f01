// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/tensor.h"

#include "base/checked.h"
#include "base/diagnostics.h"

#include <onnx-ml.pb.h>

#include <bit>
#include <charconv>
#include <cstring>

namespace tw::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read as the file has them, in little-endian order");

// The typed list that an element type is written into, if not raw.
enum class List { none, float_data, int32_data, int64_data, double_data, uint64_data, string_data };

List list_of(ElementType type) {
  using E = ElementType;
  switch (type) {
  case E::undefined: return List::none;
  case E::float32:
  case E::complex64: return List::float_data;
  case E::float64:
  case E::complex128: return List::double_data;
  case E::int64: return List::int64_data;
  case E::uint32:
  case E::uint64: return List::uint64_data;
  case E::string: return List::string_data;
  default: return List::int32_data;
  }
}

// Copies `values` as integers of `bits`; entries of less than a byte are packed already, one byte an entry.
template <class Values> std::vector<std::byte> narrow(const Values& values, int bits, const char* list) {
  int width = bits < 8 ? 8 : bits;
  auto size = static_cast<size_t>(width / 8);
  std::vector<std::byte> bytes(static_cast<size_t>(values.size()) * size);
  std::byte* out = bytes.data();
  for (auto value : values) {
    bool fits = true;
    if constexpr (sizeof(value) * 8 > 32) fits = width == 64 || value >> width == 0;
    else fits = width >= 32 || (int64_t{value} >= -(int64_t{1} << (width - 1)) && int64_t{value} < (int64_t{1} << width));
    if (!fits) throw user_error("{} holds {}, which does not fit into {} bits", list, value, width);
    std::memcpy(out, &value, size);
    out += size;
  }
  return bytes;
}

template <class Values> std::vector<std::byte> copy(const Values& values) {
  std::vector<std::byte> bytes(static_cast<size_t>(values.size()) * sizeof(*values.data()));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> typed_bytes(const ::onnx::TensorProto& proto, ElementType type) {
  switch (list_of(type)) {
  case List::none:
  case List::string_data: return {};
  case List::float_data: return copy(proto.float_data());
  case List::double_data: return copy(proto.double_data());
  case List::int64_data: return copy(proto.int64_data());
  case List::int32_data: return narrow(proto.int32_data(), bits(type), "int32_data");
  case List::uint64_data: return narrow(proto.uint64_data(), bits(type), "uint64_data");
  }
  return {};
}

int64_t parse_number(const std::string& text, const std::string& key) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    throw user_error("the external data's {} is '{}', expected a number of bytes", key, text);
  }
  return number;
}

ExternalLocation location_of(const ::onnx::TensorProto& proto) {
  ExternalLocation location;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location.file = entry.value();
    else if (entry.key() == "offset") location.offset = parse_number(entry.value(), "offset");
    else if (entry.key() == "length") location.length = parse_number(entry.value(), "length");
  }
  if (location.file.empty()) throw user_error("the tensor has external data, but no location of it");
  return location;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// The bytes that the shape needs.
int64_t needed_bytes(const Tensor& tensor) {
  auto count = checked_product(tensor.shape);
  auto total = count ? checked_multiply(*count, bits(tensor.element)) : std::nullopt;
  auto rounded = total ? checked_add(*total, 7) : std::nullopt;
  if (!rounded) throw user_error("the shape {} is not possible: a size is negative, or the product overflows", shape_text(tensor.shape));
  return *rounded / 8;
}

void set_bytes(Tensor& tensor, const ::onnx::TensorProto& proto, TensorSource& source, int64_t needed) {
  if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
    auto found = source.external.find(location_of(proto), needed);
    tensor.bytes = found.bytes;
    tensor.owner = found.owner;
    return;
  }
  size_t begin = static_cast<size_t>(proto.segment().begin()), end = static_cast<size_t>(proto.segment().end());
  TW_CHECK(begin <= end && end <= source.file.size());
  if (end > begin) {
    tensor.bytes = source.file.subspan(begin, end - begin);
    tensor.owner = source.owner;
  } else {
    auto owned = std::make_shared<const std::vector<std::byte>>(typed_bytes(proto, tensor.element));
    tensor.bytes = *owned;
    tensor.owner = owned;
  }
  if (static_cast<int64_t>(tensor.bytes.size()) != needed) {
    throw user_error("the tensor has {} bytes, but {}{} needs {}", tensor.bytes.size(), to_string(tensor.element), shape_text(tensor.shape),
                     needed);
  }
}

} // namespace

Tensor read_tensor(const ::onnx::TensorProto& proto, TensorSource& source, const std::string& where) {
  return with_place(where, [&] {
    Tensor tensor;
    tensor.name = proto.name();
    tensor.element = static_cast<ElementType>(proto.data_type());
    tensor.shape.assign(proto.dims().begin(), proto.dims().end());
    if (tensor.element == ElementType::undefined) throw user_error("the tensor has no element type");
    if (!is_known(tensor.element)) {
      throw unsupported("the tensor has element type {}, which this version does not know", proto.data_type());
    }
    int64_t needed = needed_bytes(tensor);
    if (tensor.element != ElementType::string) set_bytes(tensor, proto, source, needed);
    return tensor;
  });
}

namespace {

template <class From, class To> std::vector<To> convert(const Tensor& tensor, To (*convert_one)(From)) {
  std::vector<To> values(tensor.bytes.size() / sizeof(From));
  for (size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = convert_one(value);
  }
  return values;
}

template <class From> std::vector<int64_t> as_ints(const Tensor& tensor) {
  return convert<From, int64_t>(tensor, [](From value) { return static_cast<int64_t>(value); });
}

} // namespace

std::vector<int64_t> int_values(const Tensor& tensor) {
  switch (tensor.element) {
  case ElementType::int64: return as_ints<int64_t>(tensor);
  case ElementType::int32: return as_ints<int32_t>(tensor);
  case ElementType::int16: return as_ints<int16_t>(tensor);
  case ElementType::int8: return as_ints<int8_t>(tensor);
  case ElementType::uint32: return as_ints<uint32_t>(tensor);
  case ElementType::uint16: return as_ints<uint16_t>(tensor);
  case ElementType::uint8: return as_ints<uint8_t>(tensor);
  case ElementType::boolean: return convert<uint8_t, int64_t>(tensor, [](uint8_t value) { return int64_t{value != 0}; });
  default: throw user_error("tensor '{}' has elements of {}, expected integers", tensor.name, to_string(tensor.element));
  }
}

std::vector<double> float_values(const Tensor& tensor) {
  switch (tensor.element) {
  case ElementType::float64: return convert<double, double>(tensor, [](double value) { return value; });
  case ElementType::float32: return convert<float, double>(tensor, [](float value) { return double{value}; });
  case ElementType::float16: return convert<uint16_t, double>(tensor, [](uint16_t value) { return double{half_to_float(value)}; });
  case ElementType::bfloat16: return convert<uint16_t, double>(tensor, [](uint16_t value) { return double{bfloat_to_float(value)}; });
  default: throw user_error("tensor '{}' has elements of {}, expected floats", tensor.name, to_string(tensor.element));
  }
}

} // namespace tw::onnx
