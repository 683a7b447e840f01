// SPDX-License-Identifier: Apache-2.0
#include "arith/interval.h"

#include <algorithm>

namespace tw::arith {
namespace {

int64_t clamp(__int128 v) { return v <= minus_infinity ? minus_infinity : v >= plus_infinity ? plus_infinity : static_cast<int64_t>(v); }

int64_t add(int64_t a, int64_t b, int64_t infinity) {
  return is_finite(a) && is_finite(b) ? clamp(static_cast<__int128>(a) + b) : infinity;
}

// With infinity times zero being zero: the bound is a limit of finite products.
int64_t multiply(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  if (!is_finite(a) || !is_finite(b)) return (a < 0) == (b < 0) ? plus_infinity : minus_infinity;
  return clamp(static_cast<__int128>(a) * b);
}

int64_t divide(int64_t a, int64_t b) {
  if (!is_finite(a)) return (a < 0) == (b < 0) ? plus_infinity : minus_infinity;
  if (!is_finite(b)) return a == 0 ? 0 : (a < 0) == (b < 0) ? 0 : -1;
  return floor_quotient(a, b);
}

} // namespace

Bounds range_of(DType type) {
  if (type.is_bool() || (type.is_int() && type.bits < 64)) return {min_value(type.element()), max_value(type.element())};
  return {};
}

int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == -1) return 0;
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

Bounds operator+(Bounds a, Bounds b) { return {add(a.min, b.min, minus_infinity), add(a.max, b.max, plus_infinity)}; }
Bounds operator-(Bounds a) { return {a.max == plus_infinity ? minus_infinity : -a.max, a.min == minus_infinity ? plus_infinity : -a.min}; }
Bounds operator*(Bounds a, Bounds b) {
  auto [low, high] = std::minmax({multiply(a.min, b.min), multiply(a.min, b.max), multiply(a.max, b.min), multiply(a.max, b.max)});
  return {low, high};
}
Bounds floor_quotient(Bounds a, Bounds b) {
  if ((b.min <= 0 && b.max >= 0) || b.min > b.max) return {};
  auto [low, high] = std::minmax({divide(a.min, b.min), divide(a.min, b.max), divide(a.max, b.min), divide(a.max, b.max)});
  return {low, high};
}
Bounds floor_remainder(Bounds a, Bounds b) {
  if (b.min > 0) {
    if (a.min >= 0 && a.max < b.min) return a;
    int64_t high = is_finite(b.max) ? b.max - 1 : plus_infinity;
    return {0, a.min >= 0 ? std::min(a.max, high) : high};
  }
  if (b.max < 0) {
    if (a.max <= 0 && a.min > b.max) return a;
    int64_t low = is_finite(b.min) ? b.min + 1 : minus_infinity;
    return {a.max <= 0 ? std::max(a.min, low) : low, 0};
  }
  return {};
}
Bounds smaller(Bounds a, Bounds b) { return {std::min(a.min, b.min), std::min(a.max, b.max)}; }
Bounds larger(Bounds a, Bounds b) { return {std::max(a.min, b.min), std::max(a.max, b.max)}; }
Bounds either(Bounds a, Bounds b) { return {std::min(a.min, b.min), std::max(a.max, b.max)}; }
Bounds both(Bounds a, Bounds b) { return {std::max(a.min, b.min), std::min(a.max, b.max)}; }

} // namespace tw::arith
