// SPDX-License-Identifier: Apache-2.0
// Logarithms: x = 2^k m with 2/3 <= m < 4/3, so that log x = k ln 2 + log m loses nothing near x = 1, where k is 0.
#include "codegen/llvm/math_coefficients.h"
#include "codegen/llvm/vector_math_emitters.h"

#include <limits>

namespace tw::codegen {
namespace {

using llvm::Value;

constexpr double ln2_high = 0.693359375, ln2_low = -2.12194440054690583e-4;

struct Split {
  Value* k; // as a floating-point number
  Value* f; // m - 1, exact
};

// Subnormal numbers are made normal first. For what is not a positive finite number the result means nothing.
Split split(MathBuilder& m, Value* x) {
  Value* tiny = m.b.CreateFCmpOLT(x, m.constant(0x1p-126));
  Value* normal = m.choose(tiny, m.mul(x, m.constant(0x1p23)), x);
  Value* bits = m.to_bits(normal);
  Value* two_thirds = m.integer(std::bit_cast<int32_t>(0x1.555556p-1f));
  Value* k = m.b.CreateAShr(m.b.CreateSub(bits, two_thirds), 23);
  Value* mantissa = m.from_bits(m.b.CreateSub(bits, m.b.CreateShl(k, 23)));
  Value* whole = m.b.CreateSIToFP(k, m.type);
  whole = m.sub(whole, m.choose(tiny, m.constant(23), m.constant(0)));
  return {whole, m.sub(mantissa, m.constant(1))};
}

// log(1 + f) - f
Value* log_rest(MathBuilder& m, Value* f) {
  Value* squared = m.mul(f, f);
  Value* tail = m.polynomial(f, coefficients::log_tail);
  return m.fma(squared, m.constant(-0.5), m.mul(m.mul(squared, f), tail));
}

// log 0 = -inf, log inf = inf, of a negative number or NaN: NaN.
Value* specials(MathBuilder& m, Value* x, Value* result) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value* usual = m.b.CreateFCmpOLT(x, m.constant(infinity));
  Value* not_usual = m.choose(m.b.CreateFCmpOEQ(x, m.constant(infinity)), x, m.constant(std::numeric_limits<double>::quiet_NaN()));
  result = m.choose(m.b.CreateAnd(usual, m.b.CreateFCmpOGE(x, m.constant(0))), result, not_usual);
  return m.choose(m.b.CreateFCmpOEQ(x, m.constant(0)), m.constant(-infinity), result);
}

} // namespace

Value* emit_log(MathBuilder& m, Value* x) {
  auto [k, f] = split(m, x);
  Value* low = m.fma(k, m.constant(ln2_low), log_rest(m, f));
  return specials(m, x, m.fma(k, m.constant(ln2_high), m.add(f, low)));
}

// log2(e) in two parts: f times the first, of 9 bits… the product is split so that only small terms are rounded early.
Value* emit_log2(MathBuilder& m, Value* x) {
  constexpr double high = 1.4423828125, low = 0.00031222840889634;
  auto [k, f] = split(m, x);
  Value* rest = log_rest(m, f);
  // f cut to 12 bits: its product with `high` is exact.
  Value* cut = m.from_bits(m.b.CreateAnd(m.to_bits(f), m.integer(~int64_t{0xfff})));
  Value* remainder = m.add(m.sub(f, cut), rest);
  Value* small = m.fma(m.add(cut, remainder), m.constant(low), m.mul(remainder, m.constant(high)));
  Value* whole = m.add(k, m.mul(cut, m.constant(high)));
  Value* lost = m.add(m.sub(k, whole), m.mul(cut, m.constant(high)));
  return specials(m, x, m.add(whole, m.add(small, lost)));
}

Value* emit_log10(MathBuilder& m, Value* x) {
  constexpr double log10_2_high = 0.30078125, log10_2_low = 2.4874566398119521e-4; // 7 bits, and the rest
  constexpr double high = 0.43408203125, low = 2.1245067675182765e-4;              // log10(e): 11 bits, and the rest
  auto [k, f] = split(m, x);
  Value* rest = log_rest(m, f);
  Value* cut = m.from_bits(m.b.CreateAnd(m.to_bits(f), m.integer(~int64_t{0xfff})));
  Value* remainder = m.add(m.sub(f, cut), rest);
  Value* small = m.fma(m.add(cut, remainder), m.constant(low), m.mul(remainder, m.constant(high)));
  small = m.fma(k, m.constant(log10_2_low), small);
  Value *first = m.mul(k, m.constant(log10_2_high)), *second = m.mul(cut, m.constant(high));
  Value* whole = m.add(first, second);
  Value* lost = m.add(m.sub(first, whole), second);
  return specials(m, x, m.add(whole, m.add(small, lost)));
}

// log(1 + x) = log u + (x - (u - 1)) / u with u the rounded sum: the second term is what rounding lost.
Value* emit_log1p(MathBuilder& m, Value* x) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value* u = m.add(x, m.constant(1));
  auto [k, f] = split(m, u);
  Value* lost = m.sub(x, m.sub(u, m.constant(1)));
  // For large x, u = x and the sum's error is x's; nothing of the kind for infinite u, where the difference is no number.
  Value* correction = m.choose(m.b.CreateFCmpOLT(u, m.constant(0x1p25)), m.div(lost, u), m.constant(0));
  Value* low = m.add(m.fma(k, m.constant(ln2_low), log_rest(m, f)), correction);
  Value* result = m.fma(k, m.constant(ln2_high), m.add(f, low));
  result = specials(m, u, result);
  result = m.choose(m.b.CreateFCmpOEQ(u, m.constant(infinity)), u, result);
  // Tiny x is its own result, zero with its sign included.
  return m.choose(m.b.CreateFCmpOLT(m.absolute(x), m.constant(0x1p-24)), x, result);
}

} // namespace tw::codegen
