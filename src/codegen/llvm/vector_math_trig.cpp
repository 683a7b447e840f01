// SPDX-License-Identifier: Apache-2.0
// Sine, cosine, tangent of float32.
//
// With fused multiply-add, arguments below 2^15 are reduced in float32: x minus a multiple of pi in three parts of 24 bits. The first
// difference is exact, so that the remainder is accurate relative to itself even where x is almost that multiple. A vector with a larger
// argument in it takes a branch to what follows, for that argument alone.
//
// In double, for every argument up to the largest float: x * 2/pi is formed from pieces of 2/pi whose products with x are exact. Of each
// product only what lies beyond whole turns matters, so multiples of 4 (quarter turns) are dropped at once; after each addition the nearest
// integer is moved to the count of quarter turns. What remains is accurate relative to itself even where x is almost a multiple of pi/2.
#include "codegen/llvm/math_coefficients.h"
#include "codegen/llvm/vector_math_emitters.h"

namespace tw::codegen {
namespace {

using llvm::Value;

struct QuarterTurns {
  Value* count; // integer; the low two bits are the quadrant
  Value* sine;  // of the remainder, double
  Value* cosine;
};

Value* nearest(MathBuilder& d, Value* x) { return d.b.CreateUnaryIntrinsic(llvm::Intrinsic::rint, x); }

QuarterTurns evaluate(MathBuilder& d, Value* x) {
  Value* sum = d.constant(0);
  Value* count = d.constant(0);
  for (double piece : coefficients::two_over_pi) {
    Value* product = d.mul(x, d.constant(piece));
    Value* turns = nearest(d, d.mul(product, d.constant(0.25)));
    sum = d.add(sum, d.fma(turns, d.constant(-4), product));
    Value* whole = nearest(d, sum);
    count = d.add(count, whole);
    sum = d.sub(sum, whole);
  }
  Value* r = d.mul(sum, d.constant(1.57079632679489661923));
  Value* squared = d.mul(r, r);
  Value* sine = d.fma(d.mul(squared, r), d.polynomial(squared, coefficients::sin_tail), r);
  Value* cosine = d.fma(squared, d.constant(-0.5), d.constant(1));
  cosine = d.fma(d.mul(squared, squared), d.polynomial(squared, coefficients::cos_tail), cosine);
  return {d.round(count).integer, sine, cosine};
}

Value* bit_set(MathBuilder& d, Value* bits, int64_t mask) { return d.b.CreateICmpNE(d.b.CreateAnd(bits, d.integer(mask)), d.integer(0)); }

enum class Kind { sine, cosine, tangent };

Value* in_double(MathBuilder& m, Value* x, Kind kind) {
  MathBuilder d(m.b, m.type->getWithNewType(m.b.getDoubleTy()), m.has_fma);
  auto [count, sine, cosine] = evaluate(d, m.b.CreateFPExt(x, d.type));
  Value* odd = bit_set(d, count, 1);
  Value* result = nullptr;
  if (kind == Kind::tangent) {
    result = d.div(d.choose(odd, d.b.CreateFNeg(cosine), sine), d.choose(odd, sine, cosine));
  } else {
    // The cosine is the sine a quarter turn later.
    Value* turns = kind == Kind::cosine ? d.b.CreateAdd(count, d.integer(1)) : count;
    Value* chosen = kind == Kind::cosine ? d.choose(odd, sine, cosine) : d.choose(odd, cosine, sine);
    result = d.choose(bit_set(d, turns, 2), d.b.CreateFNeg(chosen), chosen);
  }
  result = m.b.CreateFPTrunc(result, m.type);
  if (kind == Kind::cosine) return result;
  // Tiny arguments are their own result, zero with its sign included.
  return m.choose(m.b.CreateFCmpOLT(m.absolute(x), m.constant(0x1p-13)), x, result);
}

constexpr double largest_in_float = 0x1p15;
constexpr double pi = 3.14159265358979323846;
constexpr double pi_high = static_cast<double>(static_cast<float>(pi));
constexpr double pi_middle = static_cast<double>(static_cast<float>(pi - pi_high));
constexpr double pi_low = -0x1.ee59dap-49; // the rest, which double does not have

// x - n pi * part, where that is near x.
Value* without_turns(MathBuilder& m, Value* x, Value* n, double part) {
  for (double piece : {pi_high, pi_middle, pi_low}) x = m.fma(n, m.constant(-piece * part), x);
  return x;
}

template <class T> Value* odd_function(MathBuilder& m, Value* r, const T& tail) {
  Value* squared = m.mul(r, r);
  return m.fma(m.mul(squared, r), m.polynomial(squared, tail), r);
}

// sin(n pi + r), and cos((n + 1/2) pi + r): plus or minus sin(r).
Value* sine_in_float(MathBuilder& m, Value* x, Kind kind) {
  bool cosine = kind == Kind::cosine;
  auto n = m.round(m.fma(x, m.constant(1 / pi), m.constant(cosine ? -0.5 : 0)));
  Value* r = without_turns(m, x, cosine ? m.add(n.whole, m.constant(0.5)) : n.whole, 1);
  Value* turned = m.b.CreateShl(cosine ? m.b.CreateAdd(n.integer, m.integer(1)) : n.integer, 31);
  return m.from_bits(m.b.CreateXor(m.to_bits(odd_function(m, r, coefficients::sin_half_turn)), turned));
}

// tan(n pi/2 + r) is tan(r), or -1 / tan(r) where n is odd.
Value* tangent_in_float(MathBuilder& m, Value* x) {
  auto n = m.round(m.mul(x, m.constant(2 / pi)));
  Value* tangent = odd_function(m, without_turns(m, x, n.whole, 0.5), coefficients::tan_tail);
  Value* odd = bit_set(m, n.integer, 1);
  return m.div(m.choose(odd, m.constant(-1), tangent), m.choose(odd, tangent, m.constant(1)));
}

Value* emit_trigonometric(MathBuilder& m, Value* x, Kind kind) {
  if (!m.has_fma) return in_double(m, x, kind);
  Value* usual = kind == Kind::tangent ? tangent_in_float(m, x) : sine_in_float(m, x, kind);
  // The way to r loses the sign of zero.
  if (kind != Kind::cosine) usual = m.choose(m.b.CreateFCmpOEQ(x, m.constant(0)), x, usual);
  Value* large = m.b.CreateFCmpOGE(m.absolute(x), m.constant(largest_in_float));
  return m.unless_any(large, usual, [&] { return in_double(m, x, kind); });
}

} // namespace

Value* emit_sin(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::sine); }
Value* emit_cos(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::cosine); }
Value* emit_tan(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::tangent); }

} // namespace tw::codegen
