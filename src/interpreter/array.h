// SPDX-License-Identifier: Apache-2.0
// A dense, row-major array on the host: what the interpreter takes and gives. The bytes are counted and immutable, so copies are cheap.
#pragma once

#include "ir/blob.h"
#include "ir/build.h"

namespace tw::interpreter {

template <class T> constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) return boolean;
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 8 ? f64 : f32;
  else return DType{std::is_signed_v<T> ? DTypeCode::signed_int : DTypeCode::unsigned_int, sizeof(T) * 8};
}

struct Array {
  DType dtype = f32;
  std::vector<int64_t> shape;
  Blob bytes;

  int64_t count() const;
  // An element, in row-major order, as a number.
  double number(int64_t i) const;
  int64_t integer(int64_t i) const;
  template <class T> std::span<const T> as() const { return bytes.as<T>(); }
  // Numbers rounded (floats) or saturated (integers) to the type.
  static Array of(DType dtype, std::vector<int64_t> shape, std::span<const double> values);
  static Array of(DType dtype, std::vector<int64_t> shape, std::initializer_list<double> values) {
    return of(dtype, std::move(shape), std::span<const double>(values.begin(), values.size()));
  }
  template <class T> static Array of(std::vector<int64_t> shape, const std::vector<T>& values) {
    return Array{dtype_of<T>(), std::move(shape), Blob::of(std::span<const T>(values))};
  }
  static Array of(const Constant& constant);
  Ref<Constant> constant(Name id = "") const;
  Ref<TensorType> type() const;
  std::vector<double> numbers() const;
};

// The product of sizes; a user error if one is negative or the product does not fit.
int64_t count_of(const std::vector<int64_t>& shape);

} // namespace tw::interpreter
