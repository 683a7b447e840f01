// SPDX-License-Identifier: Apache-2.0
// Inverse sine, cosine, tangent of float32: odd polynomials on a part of the arguments, to which the others are brought. pi/2 is added in
// two parts, the lower of which goes into the polynomial's small term. Outside of -1…1 asin and acos are no number, as square roots of what
// is negative.
#include "codegen/llvm/math_coefficients.h"
#include "codegen/llvm/vector_math_emitters.h"

namespace tw::codegen {
namespace {

using llvm::Value;

constexpr double half_pi = 1.57079632679489661923;
constexpr double high = static_cast<double>(static_cast<float>(half_pi)), low = half_pi - high;

// For |x| <= 1/2 its arcsine; else that of sqrt((1 - |x|) / 2), which is half the arccosine. `small` is added with the small term.
struct Arcsine {
  Value *x, *squared, *far; // far: beyond 1/2
  explicit Arcsine(MathBuilder& m, Value* argument) {
    Value* magnitude = m.absolute(argument);
    far = m.b.CreateFCmpOGT(magnitude, m.constant(0.5));
    squared = m.choose(far, m.fma(magnitude, m.constant(-0.5), m.constant(0.5)), m.mul(argument, argument));
    x = m.choose(far, m.b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, squared), argument);
  }
  Value* plus(MathBuilder& m, Value* small) {
    return m.add(m.fma(m.mul(x, squared), m.polynomial(squared, coefficients::asin_tail), small), x);
  }
};

// atan(t) + small + large for |t| <= 1.
Value* arctangent(MathBuilder& m, Value* t, Value* small, Value* large) {
  Value* squared = m.mul(t, t);
  return m.add(m.add(m.fma(m.mul(t, squared), m.polynomial(squared, coefficients::atan_tail), small), t), large);
}

} // namespace

// Beyond 1/2: pi/2 - 2 asin(sqrt((1 - |x|) / 2)).
Value* emit_asin(MathBuilder& m, Value* x) {
  Arcsine a(m, x);
  Value* p = a.plus(m, m.choose(a.far, m.constant(-low / 2), m.constant(0)));
  return m.with_sign_of(m.choose(a.far, m.fma(p, m.constant(-2), m.constant(high)), p), x);
}

// pi/2 - asin(x) up to 1/2; beyond it 2 asin(sqrt((1 - x) / 2)), and below -1/2 pi less that of -x.
Value* emit_acos(MathBuilder& m, Value* x) {
  Arcsine a(m, x);
  Value* above = m.b.CreateFCmpOGT(x, m.constant(0.5));
  Value* below = m.b.CreateFCmpOLT(x, m.constant(-0.5));
  Value* p = a.plus(m, m.choose(above, m.constant(0), m.constant(-low)));
  Value* factor = m.choose(a.far, m.choose(below, m.constant(-2), m.constant(2)), m.constant(-1));
  Value* base = m.choose(above, m.constant(0), m.choose(below, m.constant(2 * high), m.constant(high)));
  return m.fma(p, factor, base);
}

// Beyond 1: pi/2 + atan(-1 / |x|).
Value* emit_atan(MathBuilder& m, Value* x) {
  Value* magnitude = m.absolute(x);
  Value* far = m.b.CreateFCmpOGT(magnitude, m.constant(1));
  Value* t = m.div(m.choose(far, m.constant(-1), magnitude), m.choose(far, magnitude, m.constant(1)));
  Value* zero = m.constant(0);
  return m.with_sign_of(arctangent(m, t, m.choose(far, m.constant(low), zero), m.choose(far, m.constant(high), zero)), x);
}

// The angle of (x, y) in the first eighth of the circle, then as many quarter turns and reflections as bring it home. Of two zeros it is 0
// or pi, of two infinities the diagonal.
Value* emit_atan2(MathBuilder& m, Value* y, Value* x) {
  Value *across = m.absolute(x), *up = m.absolute(y), *zero = m.constant(0);
  Value* steep = m.b.CreateFCmpOGT(up, across);
  Value* left = m.b.CreateICmpSLT(m.to_bits(x), m.integer(0));
  Value* larger = m.choose(steep, up, across);
  Value* t = m.div(m.choose(steep, m.b.CreateFNeg(across), up), larger);
  t = m.choose(m.b.CreateFCmpOEQ(up, across), m.constant(1), t);
  t = m.choose(m.b.CreateFCmpOEQ(m.add(up, across), zero), zero, t);
  t = m.choose(left, m.b.CreateFNeg(t), t);
  auto turns = [&](double quarter) { // 0, 1 or 2 quarters
    return m.choose(steep, m.constant(quarter), m.choose(left, m.constant(2 * quarter), zero));
  };
  return m.with_sign_of(arctangent(m, t, turns(low), turns(high)), y);
}

} // namespace tw::codegen
