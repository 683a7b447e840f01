// SPDX-License-Identifier: Apache-2.0
// x to the power of y for float32, by way of double: 2^(y log2 |x|). The exponent may be as large as 150 in magnitude, so log2 must be good
// to 2^-33 for a result within half a unit and a little; double has room to spare, and no products need be split.
//
// log2: |x| = 2^k m with 2/3 <= m < 4/3, and log m = 2 atanh s with s = (m - 1) / (m + 1), |s| <= 1/5.
// Special cases are those of IEEE 754-2019, 9.2.1: pow(x, ±0) and pow(1, y) are 1 even for NaN.
#include "codegen/llvm/vector_math_emitters.h"

#include <array>
#include <limits>

namespace tw::codegen {
namespace {

using llvm::Value;

constexpr double infinity = std::numeric_limits<double>::infinity();

// 2 / ln 2 * (1, 1/3, 1/5 …): log2((1 + s) / (1 - s)) = s * polynomial of s².
constexpr auto atanh_terms = [] {
  std::array<double, 8> c{};
  for (size_t i = 0; i < c.size(); ++i) c[i] = 2 * 1.4426950408889634074 / static_cast<double>(2 * i + 1);
  return c;
}();
// (ln 2)^n / n!, enough for |r| <= 1/2 and 2^-33.
constexpr auto exp2_terms = [] {
  std::array<double, 10> c{};
  double term = 1;
  for (size_t n = 0; n < c.size(); ++n) {
    c[n] = term;
    term *= 0.69314718055994530942 / static_cast<double>(n + 1);
  }
  return c;
}();

// log2 of a positive float, in double; for zero, infinity and NaN what IEEE says.
Value* log2_in_double(MathBuilder& m, MathBuilder& d, Value* x) {
  Value* tiny = m.b.CreateFCmpOLT(x, m.constant(0x1p-126));
  Value* bits = m.to_bits(m.choose(tiny, m.mul(x, m.constant(0x1p23)), x));
  Value* k = m.b.CreateAShr(m.b.CreateSub(bits, m.integer(std::bit_cast<int32_t>(0x1.555556p-1f))), 23);
  Value* mantissa = m.b.CreateFPExt(m.from_bits(m.b.CreateSub(bits, m.b.CreateShl(k, 23))), d.type);
  Value* whole = m.sub(m.b.CreateSIToFP(k, m.type), m.choose(tiny, m.constant(23), m.constant(0)));
  Value* s = d.div(d.sub(mantissa, d.constant(1)), d.add(mantissa, d.constant(1)));
  Value* result = d.fma(s, d.polynomial(d.mul(s, s), atanh_terms), m.b.CreateFPExt(whole, d.type));
  Value* wide = m.b.CreateFPExt(x, d.type);
  result = d.choose(d.b.CreateFCmpOLT(wide, d.constant(infinity)), result, wide); // infinity and NaN
  return d.choose(d.b.CreateFCmpOEQ(wide, d.constant(0)), d.constant(-infinity), result);
}

} // namespace

Value* emit_pow(MathBuilder& m, Value* x, Value* y) {
  MathBuilder d(m.b, m.type->getWithNewType(m.b.getDoubleTy()), m.has_fma);
  Value *magnitude = m.absolute(x), *exponent = m.b.CreateFPExt(y, d.type);
  Value* t = d.mul(exponent, log2_in_double(m, d, magnitude));
  t = d.at_least(d.at_most(t, 200), -200); // beyond what float holds, both ways
  auto [whole, integer] = d.round(t);
  Value* scale = d.from_bits(d.b.CreateShl(d.b.CreateAdd(integer, d.integer(1023)), 52));
  Value* result = m.b.CreateFPTrunc(d.mul(d.polynomial(d.sub(t, whole), exp2_terms), scale), m.type);
  // -1 and 1: even an infinite power, which times their logarithm is no number.
  Value* one = m.b.CreateFCmpOEQ(magnitude, m.constant(1));
  result = m.choose(m.b.CreateAnd(one, m.b.CreateFCmpORD(y, y)), m.constant(1), result);
  // A negative base: the sign of an odd power, no number for a fraction. Large floats, infinity among them, are even.
  auto is_whole = [&](Value* v) { return m.b.CreateFCmpOEQ(m.b.CreateUnaryIntrinsic(llvm::Intrinsic::rint, v), v); };
  Value *whole_power = is_whole(y), *even = is_whole(m.mul(y, m.constant(0.5)));
  Value* sign_bit = m.b.CreateICmpSLT(m.to_bits(x), m.integer(0)); // of zero too
  Value* negated = m.b.CreateAnd(sign_bit, m.b.CreateAnd(whole_power, m.b.CreateNot(even)));
  result = m.choose(negated, m.b.CreateFNeg(result), result);
  Value* fraction = m.b.CreateAnd(m.b.CreateFCmpOLT(x, m.constant(0)), m.b.CreateNot(whole_power));
  fraction = m.b.CreateAnd(fraction, m.b.CreateFCmpOGT(x, m.constant(-infinity)));
  result = m.choose(fraction, m.constant(std::numeric_limits<double>::quiet_NaN()), result);
  Value* surely_one = m.b.CreateOr(m.b.CreateFCmpOEQ(y, m.constant(0)), m.b.CreateFCmpOEQ(x, m.constant(1)));
  return m.choose(surely_one, m.constant(1), result);
}

} // namespace tw::codegen
