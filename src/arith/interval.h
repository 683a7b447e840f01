// SPDX-License-Identifier: Apache-2.0
// Interval arithmetic on Bounds. The extremes of int64 mean "unknown" and swallow everything that overflows, so a result always contains
// every value that the operation can take on members of its operands.
#pragma once

#include "arith/analyzer.h"

namespace tw::arith {

inline constexpr int64_t minus_infinity = std::numeric_limits<int64_t>::min(), plus_infinity = std::numeric_limits<int64_t>::max();

inline bool is_finite(int64_t v) { return v != minus_infinity && v != plus_infinity; }
inline bool is_finite(Bounds b) { return is_finite(b.min) && is_finite(b.max); }
inline Bounds point(int64_t v) { return {v, v}; }
// The range of a type; unknown on both sides for i64 and u64 (whose large values no int64 can name).
Bounds range_of(DType type);
inline bool inside(Bounds a, Bounds b) { return a.min >= b.min && a.max <= b.max; }

Bounds operator+(Bounds a, Bounds b);
Bounds operator-(Bounds a);
Bounds operator*(Bounds a, Bounds b);
Bounds floor_quotient(Bounds a, Bounds b);
Bounds floor_remainder(Bounds a, Bounds b);
Bounds smaller(Bounds a, Bounds b);
Bounds larger(Bounds a, Bounds b);
Bounds either(Bounds a, Bounds b);
Bounds both(Bounds a, Bounds b);

// Contract: b != 0.
int64_t floor_quotient(int64_t a, int64_t b);
int64_t floor_remainder(int64_t a, int64_t b);

} // namespace tw::arith
