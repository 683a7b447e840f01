// SPDX-License-Identifier: Apache-2.0
#include "ops/element.h"

#include <cmath>
#include <cstring>

namespace tw::ops {
namespace {
template <class T> T get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <class T> void put(std::byte* at, T value) { std::memcpy(at, &value, sizeof(T)); }
} // namespace

int64_t read_int(const std::byte* at, DType type) {
  if (type.is_float()) return static_cast<int64_t>(read_element(at, type));
  if (type.is_bool()) return get<uint8_t>(at) != 0;
  switch (type.bits) {
  case 8: return type.is_signed() ? get<int8_t>(at) : get<uint8_t>(at);
  case 16: return type.is_signed() ? get<int16_t>(at) : get<uint16_t>(at);
  case 32: return type.is_signed() ? int64_t{get<int32_t>(at)} : int64_t{get<uint32_t>(at)};
  default: return get<int64_t>(at);
  }
}

void write_int(std::byte* at, DType type, int64_t value) {
  if (type.is_float()) return write_element(at, type, static_cast<double>(value));
  if (type.is_bool()) return put<uint8_t>(at, value != 0);
  std::memcpy(at, &value, static_cast<size_t>(type.bytes())); // little endian: the low bytes come first
}

double read_element(const std::byte* at, DType type) {
  if (type == f64) return get<double>(at);
  if (type == f32) return get<float>(at);
  if (type == f16) return half_to_float(get<uint16_t>(at));
  if (type == bf16) return bfloat_to_float(get<uint16_t>(at));
  if (type == u64) return static_cast<double>(get<uint64_t>(at));
  return static_cast<double>(read_int(at, type));
}

void write_element(std::byte* at, DType type, double value) {
  if (type == f64) return put(at, value);
  if (type == f32) return put(at, static_cast<float>(value));
  if (type == f16) return put(at, float_to_half(static_cast<float>(value)));
  if (type == bf16) return put(at, float_to_bfloat(static_cast<float>(value)));
  if (type.is_bool()) return put<uint8_t>(at, value != 0);
  if (std::isnan(value)) return write_int(at, type, 0);
  if (type == u64) return put<uint64_t>(at, value <= 0 ? 0 : value >= 0x1p64 ? ~uint64_t{0} : static_cast<uint64_t>(value));
  double low = static_cast<double>(min_value(type)), high = static_cast<double>(max_value(type));
  write_int(at, type, value <= low ? min_value(type) : value >= high ? max_value(type) : static_cast<int64_t>(value));
}

} // namespace tw::ops
