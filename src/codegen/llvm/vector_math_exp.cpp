// SPDX-License-Identifier: Apache-2.0
// The exponential and what is made of it. All start alike: x = n ln 2 + r with |r| <= ln 2 / 2, then e^x = 2^n e^r, where e^r is a
// polynomial and 2^n goes into the exponent's bits. n ln 2 is subtracted in two parts, the first of which has so few bits that its product
// is exact.
#include "codegen/llvm/math_coefficients.h"
#include "codegen/llvm/vector_math_emitters.h"

namespace tw::codegen {
namespace {

using llvm::Value;

constexpr double log2_e = 1.44269504088896340736, ln2 = 0.69314718055994530942;
constexpr double ln2_high = 0.693359375, ln2_low = -2.12194440054690583e-4; // 9 bits, and the rest

struct Reduced {
  MathBuilder::Rounded n;
  Value* r;
};

Reduced reduce(MathBuilder& m, Value* x) {
  auto n = m.round(m.mul(x, m.constant(log2_e)));
  Value* r = m.fma(n.whole, m.constant(-ln2_high), x);
  return {n, m.fma(n.whole, m.constant(-ln2_low), r)};
}

// e^r for a reduced argument.
Value* exp_reduced(MathBuilder& m, Value* r) {
  Value* tail = m.polynomial(r, coefficients::exp_tail);
  // Without fused multiply-add the product with r would be rounded; then this form loses less.
  if (!m.has_fma) return m.add(m.add(m.mul(m.mul(r, r), tail), r), m.constant(1));
  return m.fma(m.fma(tail, r, m.constant(1)), r, m.constant(1));
}

// e^x - 1 with a small error relative to itself. Contract: n of the reduction is within -126…127.
Value* expm1_core(MathBuilder& m, Value* x) {
  auto [n, r] = reduce(m, x);
  Value* small = m.fma(m.mul(r, r), m.polynomial(r, coefficients::expm1_tail), r);
  Value* power = m.power_of_two(n.integer);
  return m.fma(power, small, m.sub(power, m.constant(1)));
}

} // namespace

// Beyond 88.73 the scaling overflows to infinity, below -104 to zero; between -87.3 and -104 the result is subnormal, rounded once.
Value* emit_exp(MathBuilder& m, Value* x) {
  auto [n, r] = reduce(m, m.at_most(m.at_least(x, -105), 89));
  return m.scale(exp_reduced(m, r), n.integer);
}

// No result overflows, so one product scales. Below 2^-126.5 the power of two has become 0, and so has the result: less than the rounding
// of a sum whose largest term is 1, and subnormal numbers would make each product with them a hundred times slower.
Value* emit_exp_nonpositive(MathBuilder& m, Value* x) {
  auto [n, r] = reduce(m, m.at_most(m.at_least(x, -88), 0));
  return m.mul(exp_reduced(m, r), m.power_of_two(n.integer));
}

Value* emit_exp2(MathBuilder& m, Value* x) {
  x = m.at_most(m.at_least(x, -151), 129);
  auto n = m.round(x);
  return m.scale(exp_reduced(m, m.mul(m.sub(x, n.whole), m.constant(ln2))), n.integer);
}

// Overflow needs one more than the core can scale: from 88 on, e^x as such is the result. Minus zero is its own result.
Value* emit_expm1(MathBuilder& m, Value* x) {
  Value* core = expm1_core(m, m.at_most(m.at_least(x, -87), 88));
  Value* result = m.choose(m.b.CreateFCmpOGT(x, m.constant(87)), emit_exp(m, x), core);
  return m.choose(m.b.CreateFCmpOEQ(x, m.constant(0)), x, result);
}

// Without fused multiply-add. With z = e^-|x| there is no overflow, and s = z / (1 + z) is the smaller of the two values. The other is
// 1 - s. For negative x the result is s itself, but in the form z - z s, where the roundings of the quotient weigh less; it underflows
// gradually as z does.
static Value* sigmoid_by_division(MathBuilder& m, Value* x) {
  Value* z = emit_exp(m, m.b.CreateFNeg(m.absolute(x)));
  Value* s = m.div(z, m.add(m.constant(1), z));
  Value* negative = m.b.CreateFCmpOLT(x, m.constant(0));
  return m.fma(m.b.CreateFNeg(s), m.choose(negative, z, m.constant(1)), m.choose(negative, z, m.constant(1)));
}

// 1 / (1 + e^-x) without a division, which costs more than all the rest. Everything is 2^-64 times as large until the end: then e^-x
// neither overflows nor is subnormal between -105 and 25, where the result has long been 0 or 1, and one multiplication underflows
// gradually.
//
// The reciprocal of d = 1 + e^-x starts from its negated exponent, a line through the mantissa (off by 6 %), not from the machine's
// estimate, which differs between makers. With u = 1 - d q, q (1 + u) (1 + u²) is off by u⁴; the last step takes the remainder of
// 1 - q e^-x - q, where nothing is lost, since 1 - q e^-x is near q.
Value* emit_sigmoid(MathBuilder& m, Value* x) {
  if (!m.has_fma) return sigmoid_by_division(m, x);
  constexpr double magic = 0x1.8p23 + 127 - 64; // the sum's low bits are the exponent field of 2^(n - 64)
  x = m.at_most(m.at_least(x, -105), 25);
  Value* sum = m.fma(x, m.constant(-log2_e), m.constant(magic));
  Value* n = m.sub(sum, m.constant(magic));
  Value* r = m.fma(n, m.constant(-ln2_high), m.b.CreateFNeg(x));
  r = m.fma(n, m.constant(-ln2_low), r);
  Value* unit = m.constant(0x1p-64);
  Value* e = m.mul(exp_reduced(m, r), m.from_bits(m.b.CreateShl(m.to_bits(sum), 23)));
  Value* d = m.add(e, unit);
  Value* q = m.from_bits(m.b.CreateSub(m.integer(0x7ef33000), m.to_bits(d)));
  Value* u = m.fma(m.b.CreateFNeg(d), q, m.constant(1));
  q = m.fma(q, u, q);
  q = m.fma(q, m.mul(u, u), q);
  Value* minus_q = m.b.CreateFNeg(q);
  Value* remainder = m.fma(minus_q, unit, m.fma(minus_q, e, m.constant(1)));
  return m.mul(m.fma(q, remainder, q), unit);
}

// With e = e^2|x| - 1, which is exact enough near zero: q = e / d with d = e + 2. The sum's rounding error c would change q by -q c / d,
// and 1 / d = (1 - q) / 2. At |x| = 10 the quotient has long been 1.
Value* emit_tanh(MathBuilder& m, Value* x) {
  Value* magnitude = m.at_most(m.absolute(x), 10);
  Value* e = expm1_core(m, m.add(magnitude, magnitude));
  Value* d = m.add(e, m.constant(2));
  Value* lost = m.add(m.sub(m.constant(2), d), e);
  lost = m.choose(m.b.CreateFCmpOLT(e, m.constant(0x1p12)), lost, m.constant(0));
  Value* q = m.div(e, d);
  Value* half_inverse = m.fma(q, m.constant(0.5), m.constant(-0.5));
  return m.with_sign_of(m.fma(m.mul(q, lost), half_inverse, q), x);
}

// Odd polynomial up to 0.875; beyond it the complement is e^-p(|x|), of which few bits count. At |x| = 4 the result has long been 1.
Value* emit_erf(MathBuilder& m, Value* x) {
  Value* magnitude = m.absolute(x);
  Value* squared = m.mul(x, x);
  Value* small = m.fma(m.polynomial(squared, coefficients::erf_small), x, x);
  auto [n, r] = reduce(m, m.b.CreateFNeg(m.polynomial(m.at_most(magnitude, 4), coefficients::erf_large)));
  Value* complement = m.mul(exp_reduced(m, r), m.power_of_two(n.integer));
  Value* large = m.with_sign_of(m.sub(m.constant(1), complement), x);
  return m.choose(m.b.CreateFCmpOLT(magnitude, m.constant(0.875)), small, large);
}

// x Φ(x) = max(x, 0) - |x| Φ(-|x|), where only the logarithm of the distribution needs a polynomial: the error counts in last places of x.
// At |x| = 8 the second term has long been nothing.
Value* emit_gelu(MathBuilder& m, Value* x) {
  Value* negative = m.at_least(m.b.CreateFNeg(m.absolute(x)), -8);
  Value* logarithm = m.polynomial(negative, coefficients::log2_normal);
  auto n = m.round(logarithm);
  Value* r = m.sub(logarithm, n.whole);
  Value* tail = m.add_to_exponent(m.fma(m.polynomial(r, coefficients::exp2_tail), r, m.constant(1)), n.integer);
  return m.fma(negative, tail, m.at_least(x, -0.0)); // minus zero, lest a result that rounds to it loses its sign
}

// x / (1 + e^-x). Where the result is far smaller than x, only its size matters, so the exponential needs no second part of ln 2 and a
// shorter polynomial, and the last correction of the reciprocal carries x. Below -86 the result is that of -86: next to nothing, and minus
// infinity times nothing would be no number. The reciprocal starts as in sigmoid: with u = 1 - d q, q (1 + u + u²) is off by u³.
Value* emit_silu(MathBuilder& m, Value* x) {
  if (!m.has_fma) return m.mul(m.at_least(x, -86), sigmoid_by_division(m, x));
  constexpr double magic = 0x1.8p23 + 127; // the sum's low bits are an exponent field
  x = m.at_least(x, -86);
  Value* limited = m.at_most(x, 30);
  Value* sum = m.fma(limited, m.constant(-log2_e), m.constant(magic));
  Value* n = m.sub(sum, m.constant(magic));
  Value* r = m.fma(limited, m.constant(-log2_e), m.b.CreateFNeg(n));
  Value* power = m.fma(m.polynomial(r, coefficients::exp2_short_tail), r, m.constant(1));
  Value* d = m.fma(power, m.from_bits(m.b.CreateShl(m.to_bits(sum), 23)), m.constant(1));
  Value* q = m.from_bits(m.b.CreateSub(m.integer(0x7ef33000), m.to_bits(d)));
  Value* u = m.fma(m.b.CreateFNeg(d), q, m.constant(1));
  q = m.fma(q, m.fma(u, u, u), q);
  Value* quotient = m.mul(x, q);
  return m.fma(quotient, m.fma(m.b.CreateFNeg(d), q, m.constant(1)), quotient);
}

} // namespace tw::codegen
