// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace tw {
namespace {

struct Row {
  const char* name;
  DType type;
};
constexpr std::array rows{Row{"bool", boolean}, Row{"i8", i8},   Row{"i16", i16}, Row{"i32", i32}, Row{"i64", i64},
                          Row{"u8", u8},        Row{"u16", u16}, Row{"u32", u32}, Row{"u64", u64}, Row{"f16", f16},
                          Row{"bf16", bf16},    Row{"f32", f32}, Row{"f64", f64}};

} // namespace

std::string to_string(DType type) {
  for (const Row& row : rows)
    if (row.type == type.element()) return type.lanes == 1 ? row.name : std::string(row.name) + "x" + std::to_string(type.lanes);
  return "unknown";
}

std::optional<DType> parse_dtype(std::string_view text) {
  int lanes = 1;
  if (size_t x = text.find('x'); x != std::string_view::npos) {
    auto [end, error] = std::from_chars(text.data() + x + 1, text.data() + text.size(), lanes);
    if (error != std::errc() || end != text.data() + text.size() || lanes < 2 || lanes > 32767) return {};
    text = text.substr(0, x);
  }
  for (const Row& row : rows)
    if (row.name == text) return row.type.with_lanes(lanes);
  return {};
}

int64_t min_value(DType type) {
  if (!type.is_signed()) return 0;
  return type.bits == 64 ? std::numeric_limits<int64_t>::min() : -(int64_t{1} << (type.bits - 1));
}

int64_t max_value(DType type) {
  if (type.is_bool()) return 1;
  if (type.bits == 64) return std::numeric_limits<int64_t>::max();
  return (int64_t{1} << (type.bits - (type.is_signed() ? 1 : 0))) - 1;
}

float half_to_float(uint16_t bits) {
  uint32_t sign = uint32_t{bits & 0x8000u} << 16, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(std::ldexp(static_cast<float>(mantissa), -24)));
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t float_to_half(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00); // rounds to infinity
  if (magnitude < 0x38800000) {                                             // subnormal: adding 0.5 aligns the mantissa's last bit
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float bfloat_to_float(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

uint16_t float_to_bfloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace tw
