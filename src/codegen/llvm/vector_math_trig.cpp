// SPDX-License-Identifier: Apache-2.0
// Sine, cosine, tangent of float32, computed in double and without branches for every argument up to the largest float.
//
// x * 2/pi is formed from pieces of 2/pi whose products with x are exact. Of each product only what lies beyond whole turns matters, so
// multiples of 4 (quarter turns) are dropped at once; after each addition the nearest integer is moved to the count of quarter turns. What
// remains is accurate relative to itself even where x is almost a multiple of pi/2.
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

Value* emit_trigonometric(MathBuilder& m, Value* x, Kind kind) {
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

} // namespace

Value* emit_sin(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::sine); }
Value* emit_cos(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::cosine); }
Value* emit_tan(MathBuilder& m, Value* x) { return emit_trigonometric(m, x, Kind::tangent); }

} // namespace tw::codegen
