// SPDX-License-Identifier: Apache-2.0
// Data types: a code, the width in bits, and the number of lanes (vectors exist at kernel level only). A value of 4 bytes.
// A new type is one row of the table in dtype.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tw {

enum class DTypeCode : uint8_t { boolean, signed_int, unsigned_int, ieee_float, brain_float };

struct DType {
  DTypeCode code = DTypeCode::ieee_float;
  uint8_t bits = 32;
  uint16_t lanes = 1;

  bool operator==(const DType&) const = default;
  bool is_bool() const { return code == DTypeCode::boolean; }
  bool is_signed() const { return code == DTypeCode::signed_int; }
  bool is_unsigned() const { return code == DTypeCode::unsigned_int; }
  bool is_int() const { return is_signed() || is_unsigned(); }
  bool is_float() const { return code == DTypeCode::ieee_float || code == DTypeCode::brain_float; }
  int bytes() const { return (bits + 7) / 8; } // of one lane; bool takes one byte
  DType with_lanes(int n) const { return {code, bits, static_cast<uint16_t>(n)}; }
  DType element() const { return with_lanes(1); }
  uint32_t hash() const { return static_cast<uint32_t>(code) << 24 | static_cast<uint32_t>(bits) << 16 | lanes; }
};

inline constexpr DType boolean{DTypeCode::boolean, 8, 1};
inline constexpr DType i8{DTypeCode::signed_int, 8}, i16{DTypeCode::signed_int, 16}, i32{DTypeCode::signed_int, 32},
    i64{DTypeCode::signed_int, 64};
inline constexpr DType u8{DTypeCode::unsigned_int, 8}, u16{DTypeCode::unsigned_int, 16}, u32{DTypeCode::unsigned_int, 32},
    u64{DTypeCode::unsigned_int, 64};
inline constexpr DType f16{DTypeCode::ieee_float, 16}, f32{DTypeCode::ieee_float, 32}, f64{DTypeCode::ieee_float, 64},
    bf16{DTypeCode::brain_float, 16};

// "f32", "bool", "i8x16" …
std::string to_string(DType type);
std::optional<DType> parse_dtype(std::string_view text);

// The range of an integer type or bool (0..1). Contract: not a float; u64's maximum is clamped to i64's.
int64_t min_value(DType type);
int64_t max_value(DType type);

// float16 and bfloat16 to and from float, round to nearest even.
float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
float bfloat_to_float(uint16_t bits);
uint16_t float_to_bfloat(float value);

} // namespace tw
