// SPDX-License-Identifier: Apache-2.0
// Elementary functions as IR: vector code by polynomials for float32, calls of libm for each lane otherwise.
//
// Accuracy is stated in units in the last place (ULP) and measured over every float32: docs/vector-math.md. NaN gives NaN; infinities,
// zeros with their sign, overflow and gradual underflow are as in the C library. Errors are values, never flags or errno. A new function is
// one row of the table in vector_math.cpp and, if it is vector code, one emitter.
#pragma once

#include "target/target.h"

#include <llvm/IR/IRBuilder.h>

#include <span>
#include <string_view>

namespace tw::codegen {

struct MathBuilder;

struct MathFunction {
  std::string_view name;
  int arity;
  const char* libm; // of double; the float function has an "f" behind it. Null where libm has none
  // Vector code for float32; null: libm for each lane.
  llvm::Value* (*emit)(MathBuilder&, llvm::Value*);
  double max_ulp;           // of `emit` with fused multiply-add; the test asserts it
  double max_ulp_without;   // and without
  bool of_argument = false; // errors count in last places of the argument where that is larger than the result
  llvm::Value* (*emit_of_two)(MathBuilder&, llvm::Value*, llvm::Value*) = nullptr; // as `emit`, for two arguments
};

std::span<const MathFunction> math_functions();
const MathFunction* find_math_function(std::string_view name);

// Emits the function for arguments of one type: float or double, scalar or fixed vector. May add calls and blocks: the builder stands
// at the end of a block, before and after. Contract: the number of arguments is the function's arity.
llvm::Value* emit_math(llvm::IRBuilderBase& builder, const Target& target, const MathFunction& function,
                       llvm::ArrayRef<llvm::Value*> arguments);

// The reference that errors are measured against: the C library's function of double. Contract: the function has vector code.
using MathReference = double (*)(double);
MathReference math_reference(const MathFunction& function);

} // namespace tw::codegen
