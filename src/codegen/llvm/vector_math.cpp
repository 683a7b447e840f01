// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/vector_math.h"

#include "base/diagnostics.h"
#include "codegen/llvm/vector_math_emitters.h"

#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tw::codegen {
namespace {

using llvm::Value;

// The bounds are what bench_vector_math measured over all 2^32 arguments, rounded up (docs/vector-math.md).
constexpr auto functions = std::to_array<MathFunction>({
    {"exp", 1, "exp", emit_exp, 1, 1},
    {"exp_nonpositive", 1, nullptr, emit_exp_nonpositive, 1, 1},
    {"exp2", 1, "exp2", emit_exp2, 1, 1},
    {"expm1", 1, "expm1", emit_expm1, 1.5, 1.5},
    {"sigmoid", 1, nullptr, emit_sigmoid, 1.5, 1.9},
    {"tanh", 1, "tanh", emit_tanh, 2, 2},
    {"erf", 1, "erf", emit_erf, 1.2, 1.3},
    {"gelu", 1, nullptr, emit_gelu, 1.3, 1.6, true},
    {"silu", 1, nullptr, emit_silu, 2.3, 1.7, true},
    {"log", 1, "log", emit_log, 0.9, 0.9},
    {"log2", 1, "log2", emit_log2, 1.1, 1.1},
    {"log10", 1, "log10", emit_log10, 1.2, 1.2},
    {"log1p", 1, "log1p", emit_log1p, 1, 1},
    {"sin", 1, "sin", emit_sin, 2.2, 0.51},
    {"cos", 1, "cos", emit_cos, 2.2, 0.51},
    {"tan", 1, "tan", emit_tan, 3, 0.51},
    {"sqrt", 1, "sqrt", emit_sqrt, 0.5, 0.5},
    {"rsqrt", 1, nullptr, emit_rsqrt, 1.5, 1.5},
    {"asin", 1, "asin", emit_asin, 1.7, 1.7},
    {"acos", 1, "acos", emit_acos, 1.2, 1.2},
    {"atan", 1, "atan", emit_atan, 1.3, 1.4},
    {"sinh", 1, "sinh", nullptr, 0, 0},
    {"cosh", 1, "cosh", nullptr, 0, 0},
    {"asinh", 1, "asinh", nullptr, 0, 0},
    {"acosh", 1, "acosh", nullptr, 0, 0},
    {"atanh", 1, "atanh", nullptr, 0, 0},
    {"erfc", 1, "erfc", nullptr, 0, 0},
    {"cbrt", 1, "cbrt", nullptr, 0, 0},
    {"lgamma", 1, "lgamma", nullptr, 0, 0},
    {"tgamma", 1, "tgamma", nullptr, 0, 0},
    {"pow", 2, "pow", nullptr, 0.51, 0.51, false, emit_pow},
    {"atan2", 2, "atan2", nullptr, 2.5, 2.5, false, emit_atan2},
    {"fmod", 2, "fmod", nullptr, 0, 0},
    {"remainder", 2, "remainder", nullptr, 0, 0},
    {"hypot", 2, "hypot", nullptr, 0, 0},
});

Value* call_scalar(llvm::IRBuilderBase& b, const char* libm, llvm::ArrayRef<Value*> arguments) {
  llvm::Type* type = arguments.front()->getType();
  std::string name = std::string(libm) + (type->isFloatTy() ? "f" : "");
  llvm::SmallVector<llvm::Type*> types(arguments.size(), type);
  auto callee = b.GetInsertBlock()->getModule()->getOrInsertFunction(name, llvm::FunctionType::get(type, types, false));
  if (auto* function = llvm::dyn_cast<llvm::Function>(callee.getCallee())) {
    function->setDoesNotThrow();
    function->addFnAttr(llvm::Attribute::WillReturn);
    function->setMemoryEffects(llvm::MemoryEffects::none()); // errno is not looked at
  }
  return b.CreateCall(callee, arguments);
}

Value* call_libm(llvm::IRBuilderBase& b, const char* libm, llvm::ArrayRef<Value*> arguments) {
  auto* type = llvm::dyn_cast<llvm::FixedVectorType>(arguments.front()->getType());
  if (!type) return call_scalar(b, libm, arguments);
  Value* result = llvm::PoisonValue::get(type);
  for (unsigned lane = 0; lane < type->getNumElements(); ++lane) {
    llvm::SmallVector<Value*> scalars;
    for (Value* argument : arguments) scalars.push_back(b.CreateExtractElement(argument, lane));
    result = b.CreateInsertElement(result, call_scalar(b, libm, scalars), lane);
  }
  return result;
}

// What libm lacks, for double.
Value* emit_double(llvm::IRBuilderBase& b, const MathFunction& function, llvm::ArrayRef<Value*> arguments, bool has_fma) {
  if (function.name == "sqrt" || function.name == "rsqrt") {
    MathBuilder m(b, arguments[0]->getType(), has_fma);
    return function.emit(m, arguments[0]);
  }
  if (function.name == "sigmoid") {
    MathBuilder m(b, arguments[0]->getType(), has_fma);
    Value* z = call_libm(b, "exp", {b.CreateFNeg(m.absolute(arguments[0]))});
    Value* numerator = m.choose(b.CreateFCmpOLT(arguments[0], m.constant(0)), z, m.constant(1));
    return m.div(numerator, m.add(m.constant(1), z));
  }
  if (function.name == "exp_nonpositive") {
    MathBuilder m(b, arguments[0]->getType(), has_fma);
    return call_libm(b, "exp", {m.at_most(arguments[0], 0)});
  }
  if (function.name == "gelu") {
    MathBuilder m(b, arguments[0]->getType(), has_fma);
    Value* x = m.at_least(arguments[0], -40); // minus infinity times nothing would be no number
    return m.mul(m.mul(x, m.constant(0.5)), call_libm(b, "erfc", {m.mul(x, m.constant(-0.70710678118654752440))}));
  }
  if (function.name == "silu") {
    MathBuilder m(b, arguments[0]->getType(), has_fma);
    Value* x = m.at_least(arguments[0], -700); // as above
    return m.div(x, m.add(m.constant(1), call_libm(b, "exp", {b.CreateFNeg(x)})));
  }
  return call_libm(b, function.libm, arguments);
}

// Below it exp_nonpositive gives 0: from there on the nearest power of two is 2^-127.
constexpr double least_of_exp_nonpositive = -0x1.5ebb84p+6;

} // namespace

Value* emit_sqrt(MathBuilder& m, Value* x) { return m.b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x); }
// Two exact operations, not the machine's estimate, which differs between makers.
Value* emit_rsqrt(MathBuilder& m, Value* x) { return m.div(m.constant(1), emit_sqrt(m, x)); }

std::span<const MathFunction> math_functions() { return functions; }

const MathFunction* find_math_function(std::string_view name) {
  auto found = std::ranges::find(functions, name, &MathFunction::name);
  return found == functions.end() ? nullptr : &*found;
}

Value* emit_math(llvm::IRBuilderBase& builder, const Target& target, const MathFunction& function, llvm::ArrayRef<Value*> arguments) {
  TW_CHECK(static_cast<int>(arguments.size()) == function.arity, "{} takes {} arguments, not {}", function.name, function.arity,
           arguments.size());
  llvm::Type* type = arguments.front()->getType();
  TW_CHECK(type->getScalarType()->isFloatTy() || type->getScalarType()->isDoubleTy(), "{} of another type", function.name);
  if (type->getScalarType()->isDoubleTy()) return emit_double(builder, function, arguments, target.has_fma());
  if (!function.emit && !function.emit_of_two) return call_libm(builder, function.libm, arguments);
  MathBuilder m(builder, type, target.has_fma());
  if (function.emit_of_two) return function.emit_of_two(m, arguments[0], arguments[1]);
  return function.emit(m, arguments[0]);
}

MathReference math_reference(const MathFunction& function) {
  constexpr std::pair<std::string_view, MathReference> references[] = {
      {"exp", std::exp},
      {"exp_nonpositive", [](double v) { return v < least_of_exp_nonpositive ? 0
                                                : v > 0                      ? 1
                                                                             : std::exp(v); }},
      {"exp2", std::exp2},
      {"expm1", std::expm1},
      {"tanh", std::tanh},
      {"erf", std::erf},
      {"gelu", [](double v) { return v < -40 ? -0.0 : 0.5 * v * std::erfc(v * -0.70710678118654752440); }},
      {"silu", [](double v) { return v < -700 ? -0.0 : v / (1 + std::exp(-v)); }},
      {"log", std::log},
      {"log2", std::log2},
      {"log10", std::log10},
      {"log1p", std::log1p},
      {"sin", std::sin},
      {"cos", std::cos},
      {"tan", std::tan},
      {"asin", std::asin},
      {"acos", std::acos},
      {"atan", std::atan},
      {"sqrt", std::sqrt},
      {"rsqrt", [](double v) { return 1 / std::sqrt(v); }},
      {"sigmoid", [](double v) { return v < 0 ? std::exp(v) / (1 + std::exp(v)) : 1 / (1 + std::exp(-v)); }},
  };
  for (const auto& [name, reference] : references)
    if (name == function.name) return reference;
  throw internal_error("no reference for {}", function.name);
}

} // namespace tw::codegen
