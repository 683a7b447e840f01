// SPDX-License-Identifier: Apache-2.0
// The element types of ONNX, by the format's own numbers, and which of them the compiler has.
#pragma once

#include "base/dtype.h"

#include <cstdint>
#include <optional>
#include <string>

namespace tw::onnx {

enum class ElementType : int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
  float6e2m3 = 27,
  float6e3m2 = 28
};

// "float32", "string", "int4" …; "type 99" for a number that the format does not have.
std::string to_string(ElementType type);
bool is_known(ElementType type);
// Width in the raw encoding; 0 for string and undefined.
int bits(ElementType type);
// The compiler's type, or nothing for those that it does not have.
std::optional<DType> find_dtype(ElementType type);
// The same, or an unsupported error that names the type and its owner ("tensor 'w'").
DType dtype_of(ElementType type, const std::string& owner);

} // namespace tw::onnx
