// SPDX-License-Identifier: Apache-2.0
// Emitters of the float32 functions; what each does and its bound stand beside it.
#pragma once

#include "codegen/llvm/math_builder.h"

namespace tw::codegen {

// vector_math_exp.cpp
llvm::Value* emit_exp(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_exp_nonpositive(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_exp2(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_expm1(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_sigmoid(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_tanh(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_erf(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_gelu(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_silu(MathBuilder& m, llvm::Value* x);
// vector_math_log.cpp
llvm::Value* emit_log(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_log2(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_log10(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_log1p(MathBuilder& m, llvm::Value* x);
// vector_math_trig.cpp
llvm::Value* emit_sin(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_cos(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_tan(MathBuilder& m, llvm::Value* x);
// vector_math_inverse_trig.cpp
llvm::Value* emit_asin(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_acos(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_atan(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_atan2(MathBuilder& m, llvm::Value* y, llvm::Value* x);
// vector_math_pow.cpp
llvm::Value* emit_pow(MathBuilder& m, llvm::Value* x, llvm::Value* y);
// vector_math.cpp
llvm::Value* emit_sqrt(MathBuilder& m, llvm::Value* x);
llvm::Value* emit_rsqrt(MathBuilder& m, llvm::Value* x);

} // namespace tw::codegen
