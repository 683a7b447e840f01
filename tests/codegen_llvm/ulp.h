// SPDX-License-Identifier: Apache-2.0
// Errors in units in the last place, and a math function compiled for arrays; shared by the tests and by the exhaustive program.
#pragma once

#include "codegen/llvm/jit.h"
#include "codegen/llvm/vector_math.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <bit>
#include <cmath>
#include <limits>

namespace tw::codegen {

// The distance of `got` from the exact value in units of the last place of the float32 numbers around it. Overflow counts from 2^128, as if
// the exponent went on. Two NaN, equal infinities and equal values are at distance 0; a NaN on one side alone is infinitely far.
// Where errors count relative to the argument, `argument` is that.
inline double ulp_error(float got, double exact, double argument = 0) {
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
  double value = got;
  if (value == exact) return 0;
  auto finite = [](double x) { return std::abs(x) > 0x1p128 ? std::copysign(0x1p128, x) : x; };
  value = finite(value), exact = finite(exact);
  double largest = std::max(std::abs(exact), std::abs(finite(argument)));
  int exponent = std::max(std::ilogb(largest == 0 ? 0x1p-149 : largest), -126);
  return std::abs(value - exact) / std::ldexp(1.0, exponent - 23);
}

// void run(const float* x, float* y, int64_t count): y = f(x); count is a multiple of the lanes.
class CompiledFunction {
public:
  CompiledFunction(const MathFunction& function, const Target& target, int lanes) : code_(compile(function, target, lanes)) {}
  void operator()(const float* x, float* y, int64_t count) const {
    code_.function<void(const float*, float*, int64_t)>("run")(x, y, count);
  }

  static std::unique_ptr<llvm::Module> build(llvm::LLVMContext& context, const MathFunction& function, const Target& target, int lanes) {
    auto module = std::make_unique<llvm::Module>(std::string(function.name), context);
    llvm::IRBuilder<> b(context);
    auto* pointer = b.getPtrTy();
    auto* type = llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer, b.getInt64Ty()}, false);
    auto* run = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "run", *module);
    run->addParamAttr(0, llvm::Attribute::NoAlias);
    run->addParamAttr(1, llvm::Attribute::NoAlias);
    auto* entry = llvm::BasicBlock::Create(context, "entry", run);
    auto* loop = llvm::BasicBlock::Create(context, "loop", run);
    auto* done = llvm::BasicBlock::Create(context, "done", run);
    b.SetInsertPoint(entry);
    b.CreateBr(loop);
    b.SetInsertPoint(loop);
    auto* index = b.CreatePHI(b.getInt64Ty(), 2);
    llvm::Type* value = lanes == 1 ? b.getFloatTy() : llvm::cast<llvm::Type>(llvm::FixedVectorType::get(b.getFloatTy(), lanes));
    auto* x = b.CreateAlignedLoad(value, b.CreateGEP(b.getFloatTy(), run->getArg(0), index), llvm::Align(4));
    llvm::Value* y = emit_math(b, target, function, {x});
    b.CreateAlignedStore(y, b.CreateGEP(b.getFloatTy(), run->getArg(1), index), llvm::Align(4));
    auto* next = b.CreateAdd(index, b.getInt64(lanes));
    index->addIncoming(b.getInt64(0), entry);
    index->addIncoming(next, b.GetInsertBlock());
    b.CreateCondBr(b.CreateICmpSLT(next, run->getArg(2)), loop, done);
    b.SetInsertPoint(done);
    b.CreateRetVoid();
    return module;
  }

private:
  static JitCode compile(const MathFunction& function, const Target& target, int lanes) {
    llvm::LLVMContext context;
    auto module = build(context, function, target, lanes);
    std::vector<ObjectBytes> objects;
    objects.push_back(ModuleCompiler(target, {.verify = true}).object(*module));
    return JitCode(objects);
  }
  JitCode code_;
};

} // namespace tw::codegen
