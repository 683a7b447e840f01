// SPDX-License-Identifier: Apache-2.0
#include "cli/host_tensor.h"
#include "base/checked.h"
#include "base/diagnostics.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <type_traits>
#include <unistd.h>

namespace tw::cli {
namespace {

// Calls f with a value of the C++ type that holds an element; floats of 16 bits are uint16_t and say so with `half`.
template <class F> auto with_element(DType type, F&& f) {
  if (type.is_float()) {
    if (type.bits == 64) return f(double{});
    if (type.bits == 32) return f(float{});
    return f(uint16_t{});
  }
  const bool is_signed = type.is_signed();
  switch (type.bits) {
  case 8: return is_signed ? f(int8_t{}) : f(uint8_t{});
  case 16: return is_signed ? f(int16_t{}) : f(uint16_t{});
  case 32: return is_signed ? f(int32_t{}) : f(uint32_t{});
  default: return is_signed ? f(int64_t{}) : f(uint64_t{});
  }
}

} // namespace

HostTensor HostTensor::allocate(DType dtype, std::vector<int64_t> shape) {
  const auto elements = checked_product(shape);
  const auto bytes = elements ? checked_multiply(*elements, dtype.bytes()) : std::nullopt;
  HostTensor out{dtype, std::move(shape), nullptr};
  if (!bytes || *bytes > std::numeric_limits<ptrdiff_t>::max() - 64)
    throw user_error("expected an array that fits into memory, found {}", out.type_text());
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, (static_cast<size_t>(*bytes) / 64 + 1) * 64));
  if (memory == nullptr) throw user_error("there is not enough memory for {}", out.type_text());
  out.data = std::shared_ptr<std::byte[]>(memory, std::free);
  return out;
}

int64_t HostTensor::elements() const { return checked_product(shape).value_or(0); }

tw_tensor HostTensor::tensor() const {
  const uint8_t code = dtype.is_bool() ? 6 : dtype == bf16 ? 4 : dtype.is_float() ? 2 : dtype.is_unsigned() ? 1 : 0;
  return {data.get(), 1, 0, static_cast<int32_t>(shape.size()), {code, dtype.bits, 1}, const_cast<int64_t*>(shape.data()), nullptr, 0};
}

DType from_c_dtype(tw_dtype dtype) {
  switch (dtype.code) {
  case 0: return {DTypeCode::signed_int, dtype.bits};
  case 1: return {DTypeCode::unsigned_int, dtype.bits};
  case 4: return bf16;
  case 6: return boolean;
  default: return {DTypeCode::ieee_float, dtype.bits};
  }
}

double HostTensor::number(int64_t i) const {
  return with_element(dtype, [&]<class T>(T value) {
    std::memcpy(&value, data.get() + static_cast<size_t>(i) * sizeof value, sizeof value);
    if constexpr (std::is_same_v<T, uint16_t>) {
      if (dtype == f16) return static_cast<double>(half_to_float(value));
      if (dtype == bf16) return static_cast<double>(bfloat_to_float(value));
    }
    return static_cast<double>(value);
  });
}

void HostTensor::set_number(int64_t i, double number) {
  with_element(dtype, [&]<class T>(T value) {
    value = static_cast<T>(number);
    if constexpr (std::is_same_v<T, uint16_t>) {
      if (dtype == f16) value = float_to_half(static_cast<float>(number));
      if (dtype == bf16) value = float_to_bfloat(static_cast<float>(number));
    }
    std::memcpy(data.get() + static_cast<size_t>(i) * sizeof value, &value, sizeof value);
  });
}

std::string HostTensor::type_text() const { return fmt::format("{}[{}]", to_string(dtype), fmt::join(shape, ", ")); }

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw user_error("expected a file, found the folder {}", path.string());
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw user_error("cannot read {}: {}", path.string(), std::strerror(errno));
  std::vector<std::byte> bytes(static_cast<size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw user_error("cannot read {}: {}", path.string(), std::strerror(errno));
  return bytes;
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const std::filesystem::path aside = path.string() + fmt::format(".{}.part", ::getpid());
  std::ofstream file(aside, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (!file) error = std::error_code(errno, std::generic_category());
  else std::filesystem::rename(aside, path, error);
  if (!error) return;
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  throw user_error("cannot write {}: {}", path.string(), error.message());
}

} // namespace tw::cli
