// SPDX-License-Identifier: Apache-2.0
// Arithmetic on sizes that come from files: every operation that could overflow says so instead.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace tw {

inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) return {};
  return result;
}

inline std::optional<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) return {};
  return result;
}

// The product of the sizes; nothing if one is negative or if the product of those that are not 0 overflows (strides are made of them).
inline std::optional<int64_t> checked_product(std::span<const int64_t> sizes) {
  std::optional<int64_t> product = 1;
  bool empty = false;
  for (int64_t size : sizes) {
    if (size < 0) return {};
    if (size == 0) empty = true;
    else if (!(product = checked_multiply(*product, size))) return {};
  }
  return empty ? 0 : product;
}

} // namespace tw
