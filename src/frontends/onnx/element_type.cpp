// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/element_type.h"

#include "base/diagnostics.h"

#include <algorithm>
#include <array>

namespace tw::onnx {
namespace {

struct Row {
  ElementType type;
  const char* name;
  int bits;
  std::optional<DType> dtype;
};
using E = ElementType;

const std::array rows{Row{E::undefined, "undefined", 0, {}},
                      Row{E::float32, "float32", 32, f32},
                      Row{E::uint8, "uint8", 8, u8},
                      Row{E::int8, "int8", 8, i8},
                      Row{E::uint16, "uint16", 16, u16},
                      Row{E::int16, "int16", 16, i16},
                      Row{E::int32, "int32", 32, i32},
                      Row{E::int64, "int64", 64, i64},
                      Row{E::string, "string", 0, {}},
                      Row{E::boolean, "bool", 8, tw::boolean},
                      Row{E::float16, "float16", 16, f16},
                      Row{E::float64, "float64", 64, f64},
                      Row{E::uint32, "uint32", 32, u32},
                      Row{E::uint64, "uint64", 64, u64},
                      Row{E::complex64, "complex64", 64, {}},
                      Row{E::complex128, "complex128", 128, {}},
                      Row{E::bfloat16, "bfloat16", 16, bf16},
                      Row{E::float8e4m3fn, "float8e4m3fn", 8, {}},
                      Row{E::float8e4m3fnuz, "float8e4m3fnuz", 8, {}},
                      Row{E::float8e5m2, "float8e5m2", 8, {}},
                      Row{E::float8e5m2fnuz, "float8e5m2fnuz", 8, {}},
                      Row{E::uint4, "uint4", 4, {}},
                      Row{E::int4, "int4", 4, {}},
                      Row{E::float4e2m1, "float4e2m1", 4, {}},
                      Row{E::float8e8m0, "float8e8m0", 8, {}},
                      Row{E::uint2, "uint2", 2, {}},
                      Row{E::int2, "int2", 2, {}},
                      Row{E::float6e2m3, "float6e2m3", 6, {}},
                      Row{E::float6e3m2, "float6e3m2", 6, {}}};

const Row* find(ElementType type) {
  auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.type == type; });
  return row == rows.end() ? nullptr : &*row;
}

} // namespace

std::string to_string(ElementType type) {
  const Row* row = find(type);
  return row ? row->name : fmt::format("type {}", static_cast<int32_t>(type));
}

bool is_known(ElementType type) { return type != ElementType::undefined && find(type) != nullptr; }

int bits(ElementType type) {
  const Row* row = find(type);
  return row ? row->bits : 0;
}

std::optional<DType> find_dtype(ElementType type) {
  const Row* row = find(type);
  return row ? row->dtype : std::nullopt;
}

DType dtype_of(ElementType type, const std::string& owner) {
  if (auto dtype = find_dtype(type)) return *dtype;
  throw unsupported("{} has elements of {}, which the compiler does not have", owner, to_string(type))
      .hint("supported are bool, (u)int8 to (u)int64, float16, bfloat16, float32 and float64");
}

} // namespace tw::onnx
