// SPDX-License-Identifier: Apache-2.0
// The few instructions from which the vector math functions are written, for a scalar or a vector of any lane count alike.
//
// Nothing here may be folded away by fast-math: the functions rely on exact float32 arithmetic (splitting, rounding by a magic number), so
// the builder's fast-math flags are off while one of them is emitted.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

#include <bit>
#include <cstdint>
#include <span>

namespace tw::codegen {

struct MathBuilder {
  using Value = llvm::Value;

  MathBuilder(llvm::IRBuilderBase& b, llvm::Type* type, bool has_fma)
      : b(b), type(type), bits_type(type->getWithNewType(b.getIntNTy(type->getScalarSizeInBits()))), has_fma(has_fma), flags(b) {
    b.clearFastMathFlags();
  }

  Value* constant(double value) { return llvm::ConstantFP::get(type, value); }
  Value* integer(int64_t value) { return llvm::ConstantInt::get(bits_type, static_cast<uint64_t>(value), true); }
  Value* to_bits(Value* x) { return b.CreateBitCast(x, bits_type); }
  Value* from_bits(Value* x) { return b.CreateBitCast(x, type); }

  Value* add(Value* x, Value* y) { return b.CreateFAdd(x, y); }
  Value* sub(Value* x, Value* y) { return b.CreateFSub(x, y); }
  Value* mul(Value* x, Value* y) { return b.CreateFMul(x, y); }
  Value* div(Value* x, Value* y) { return b.CreateFDiv(x, y); }
  // One rounding where the machine can, else two.
  Value* fma(Value* x, Value* y, Value* z) {
    if (!has_fma) return add(mul(x, y), z);
    return b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {x, y, z});
  }
  Value* absolute(Value* x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  Value* with_sign_of(Value* magnitude, Value* sign) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign); }
  // NaN stays NaN: the comparison with it is false, and x is taken. This form is one instruction on x86.
  Value* at_most(Value* x, double limit) { return b.CreateSelect(b.CreateFCmpOLT(constant(limit), x), constant(limit), x); }
  Value* at_least(Value* x, double limit) { return b.CreateSelect(b.CreateFCmpOGT(constant(limit), x), constant(limit), x); }
  Value* choose(Value* condition, Value* x, Value* y) { return b.CreateSelect(condition, x, y); }

  // `usual`, but where the condition holds what `otherwise` emits: behind a branch, for it holds seldom for any lane of a vector.
  template <class F> Value* unless_any(Value* condition, Value* usual, F&& otherwise) {
    auto* before = b.GetInsertBlock();
    auto* rare = llvm::BasicBlock::Create(b.getContext(), "rare", before->getParent());
    auto* after = llvm::BasicBlock::Create(b.getContext(), "usual", before->getParent());
    Value* any = type->isVectorTy() ? b.CreateOrReduce(condition) : condition;
    b.CreateCondBr(any, rare, after, llvm::MDBuilder(b.getContext()).createBranchWeights(1, 2000));
    b.SetInsertPoint(rare);
    Value* chosen = choose(condition, otherwise(), usual);
    auto* end = b.GetInsertBlock();
    b.CreateBr(after);
    b.SetInsertPoint(after);
    auto* result = b.CreatePHI(type, 2);
    result->addIncoming(usual, before);
    result->addIncoming(chosen, end);
    return result;
  }

  // c[0] + c[1] x + c[2] x² …
  template <class T> Value* polynomial(Value* x, const T& coefficients) {
    Value* sum = constant(coefficients.back());
    for (size_t i = coefficients.size() - 1; i-- > 0;) sum = fma(sum, x, constant(coefficients[i]));
    return sum;
  }

  // Rounding to the nearest integer by adding 1.5 * 2^23 (float32) or 1.5 * 2^52: the sum's low bits are the integer. Free of conversions,
  // which would be undefined for NaN. Contract: |x| < 2^21.
  struct Rounded {
    Value* whole;   // as a floating-point number
    Value* integer; // in the low bits of a signed integer of the same width
  };
  Rounded round(Value* x) {
    double magic = type->getScalarSizeInBits() == 32 ? 0x1.8p23 : 0x1.8p52;
    Value* sum = add(x, constant(magic));
    int64_t magic_bits =
        type->getScalarSizeInBits() == 32 ? static_cast<int64_t>(std::bit_cast<uint32_t>(0x1.8p23f)) : std::bit_cast<int64_t>(0x1.8p52);
    return {sub(sum, constant(magic)), b.CreateSub(to_bits(sum), integer(magic_bits))};
  }

  // 2^n for float32; 0 for n = -127. Contract: -127 <= n <= 127.
  Value* power_of_two(Value* n) { return from_bits(b.CreateShl(b.CreateAdd(n, integer(127)), 23)); }
  // x * 2^n for float32. Contract: x and the result are normal; what becomes of NaN is no NaN.
  Value* add_to_exponent(Value* x, Value* n) { return from_bits(b.CreateAdd(to_bits(x), b.CreateShl(n, 23))); }
  // x * 2^n for float32 with one rounding, also where the result overflows or is subnormal. Contract: |n| <= 250 and x is near 1.
  Value* scale(Value* x, Value* n) {
    Value* half = b.CreateAShr(n, 1);
    return mul(mul(x, power_of_two(half)), power_of_two(b.CreateSub(n, half)));
  }

  llvm::IRBuilderBase& b;
  llvm::Type* type;
  llvm::Type* bits_type;
  bool has_fma;

private:
  llvm::IRBuilderBase::FastMathFlagGuard flags;
};

} // namespace tw::codegen
