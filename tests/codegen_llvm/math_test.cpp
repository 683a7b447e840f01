// SPDX-License-Identifier: Apache-2.0
// Elementary functions: accuracy on a sample of all floats, special values, lane counts, libm paths.
#include "ulp.h"

#include "base/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace tw::codegen {
namespace {

// Targets that differ in code: no FMA, FMA, AVX-512; those that this machine can run.
std::vector<std::string> runnable_targets() {
  std::vector<std::string> names;
  for (const char* name : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (missing_on_host(parse_target(name)).empty()) names.push_back(name);
  return names;
}

constexpr float infinity = std::numeric_limits<float>::infinity();

// Every 4099th bit pattern, and what is likely to go wrong.
const std::vector<float>& samples() {
  static const std::vector<float> values = [] {
    std::vector<float> list;
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4099) list.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    for (float x : {0.0f,
                    0x1p-149f,
                    0x1p-126f,
                    0x1.fffffcp-127f,
                    0.5f,
                    1.0f,
                    2.0f,
                    0x1p-24f,
                    0x1.fffffep127f,
                    infinity,
                    88.0f,
                    88.72284f,
                    0x1.5ebb84p+6f,
                    8.0f,
                    88.8f,
                    103.97f,
                    104.0f,
                    126.0f,
                    127.0f,
                    128.0f,
                    149.0f,
                    150.0f,
                    17.33f,
                    0.875f,
                    3.92f,
                    4.0f,
                    9.01f,
                    10.0f,
                    0.6666667f,
                    1.3333334f,
                    1.5707964f,
                    3.1415927f,
                    32768.0f,
                    0.70710677f,
                    0x1p23f,
                    16777216.0f,
                    std::numeric_limits<float>::quiet_NaN()})
      for (float near : {x, std::nextafter(x, infinity), std::nextafter(x, -infinity)}) list.insert(list.end(), {near, -near});
    while (list.size() % 64) list.push_back(1);
    return list;
  }();
  return values;
}

class VectorMath : public testing::TestWithParam<std::string> {};

TEST_P(VectorMath, StaysWithinTheDocumentedError) {
  // Each function on each target is within the bound of its row; signs of zeros and of everything else are right.
  const MathFunction& function = *find_math_function(GetParam());
  const auto& x = samples();
  std::vector<float> y(x.size());
  for (const std::string& name : runnable_targets()) {
    Target target = parse_target(name);
    CompiledFunction code(function, target, target.lanes(4));
    code(x.data(), y.data(), static_cast<int64_t>(x.size()));
    double bound = target.has_fma() ? function.max_ulp : function.max_ulp_without;
    int failures = 0;
    for (size_t i = 0; i < x.size() && failures < 5; ++i) {
      double exact = math_reference(function)(x[i]);
      double error = ulp_error(y[i], exact, function.of_argument ? x[i] : 0);
      bool wrong_sign = !std::isnan(exact) && std::signbit(y[i]) != std::signbit(exact);
      if (error <= bound && !wrong_sign) continue;
      ++failures;
      ADD_FAILURE() << name << ": " << function.name << "(" << std::hexfloat << x[i] << ") = " << y[i] << ", exact " << exact
                    << std::defaultfloat << ", error " << error;
    }
  }
}

TEST_P(VectorMath, EveryLaneCountGivesTheSameBits) {
  // A value does not depend on the vector it is in: scalars, odd counts, and vectors wider than the machine's agree.
  const MathFunction& function = *find_math_function(GetParam());
  Target target = parse_target("native");
  const auto& all = samples();
  std::vector<float> x;
  for (size_t i = 0; i < all.size() && x.size() < 3 * 5 * 64; i += 997) x.push_back(all[i]);
  x.resize(3 * 5 * 64, 0.7f);
  std::vector<float> expected(x.size()), y(x.size());
  CompiledFunction(function, target, 1)(x.data(), expected.data(), static_cast<int64_t>(x.size()));
  for (int lanes : {2, 3, 4, 5, 8, 16, 32, 64}) {
    CompiledFunction(function, target, lanes)(x.data(), y.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_TRUE(std::bit_cast<uint32_t>(y[i]) == std::bit_cast<uint32_t>(expected[i]) || (std::isnan(y[i]) && std::isnan(expected[i])))
          << lanes << " lanes, x = " << x[i];
  }
}

std::vector<std::string> vector_functions() {
  std::vector<std::string> names;
  for (const MathFunction& function : math_functions())
    if (function.emit) names.emplace_back(function.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Functions, VectorMath, testing::ValuesIn(vector_functions()), [](const auto& info) { return info.param; });

// f(a, b…) for one vector of doubles or floats, as code.
template <class T> class OneVector {
public:
  OneVector(const MathFunction& function, const Target& target, size_t lanes) {
    llvm::LLVMContext context;
    llvm::Module module("evaluate", context);
    llvm::IRBuilder<> b(context);
    auto arity = static_cast<unsigned>(function.arity);
    std::vector<llvm::Type*> types(arity + 1, b.getPtrTy());
    auto* run =
        llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), types, false), llvm::Function::ExternalLinkage, "run", module);
    b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", run));
    llvm::Type* element = sizeof(T) == 4 ? b.getFloatTy() : b.getDoubleTy();
    auto* vector = llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
    std::vector<llvm::Value*> values;
    for (unsigned i = 0; i < arity; ++i) values.push_back(b.CreateAlignedLoad(vector, run->getArg(i), llvm::Align(sizeof(T))));
    b.CreateAlignedStore(emit_math(b, target, function, values), run->getArg(arity), llvm::Align(sizeof(T)));
    b.CreateRetVoid();
    std::vector<ObjectBytes> objects;
    objects.push_back(ModuleCompiler(target, {.verify = true}).object(module));
    code_ = std::make_unique<JitCode>(objects);
  }
  void operator()(const T* a, T* result) { code_->template function<void(const T*, T*)>("run")(a, result); }
  void operator()(const T* a, const T* b, T* result) { code_->template function<void(const T*, const T*, T*)>("run")(a, b, result); }

private:
  std::unique_ptr<JitCode> code_;
};

template <class T> std::vector<T> evaluate(const MathFunction& function, const std::vector<std::vector<T>>& arguments) {
  std::vector<T> result(arguments[0].size());
  OneVector<T> code(function, parse_target("native"), result.size());
  if (arguments.size() == 1) code(arguments[0].data(), result.data());
  else code(arguments[0].data(), arguments[1].data(), result.data());
  return result;
}

// Of two arguments, on every target.
void expect_within_bound(const MathFunction& function, const std::vector<float>& x, const std::vector<float>& y,
                         double (*reference)(double, double)) {
  for (const std::string& name : runnable_targets()) {
    Target target = parse_target(name);
    auto lanes = static_cast<size_t>(target.lanes(4));
    OneVector<float> code(function, target, lanes);
    std::vector<float> got(lanes);
    double bound = target.has_fma() ? function.max_ulp : function.max_ulp_without;
    for (size_t i = 0; i + lanes <= x.size(); i += lanes) {
      code(&x[i], &y[i], got.data());
      for (size_t j = 0; j < lanes; ++j) {
        double exact = reference(x[i + j], y[i + j]);
        bool wrong_sign = !std::isnan(exact) && std::signbit(got[j]) != std::signbit(exact);
        ASSERT_TRUE(ulp_error(got[j], exact) <= bound && !wrong_sign) << name << ": " << function.name << "(" << std::hexfloat << x[i + j]
                                                                      << ", " << y[i + j] << ") = " << got[j] << ", exact " << exact;
      }
    }
  }
}

void add_with_all_signs(std::vector<float>& firsts, std::vector<float>& seconds, float a, float b) {
  for (float first : {a, -a})
    for (float second : {b, -b}) firsts.push_back(first), seconds.push_back(second);
}

TEST(VectorPow, StaysWithinItsErrorAndTakesSpecialCasesAsTheCLibrary) {
  // Pairs of special values, then random ones whose results mostly lie within float's range.
  const std::vector<float> special = {
      0.0f,      0.25f, 0.5f,    0.75f,       1.0f,      1.0000001f,  2.0f,       2.5f,     3.0f,  1e-40f,
      0x1p-149f, 1e9f,  0x1p24f, 16777216.0f, 0x1p-126f, 0.99999994f, 8388609.0f, infinity, 1e38f, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> x, y;
  auto pair = [&](float a, float b) { add_with_all_signs(x, y, a, b); };
  for (float a : special)
    for (float b : special) pair(a, b);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> logarithm(-40, 40), power(-4, 4);
  for (int i = 0; i < 20000; ++i) pair(std::exp2(logarithm(random)), power(random));
  for (int i = 0; i < 5000; ++i) pair(std::exp2(logarithm(random) / 1000), power(random) * 1000);
  expect_within_bound(*find_math_function("pow"), x, y, [](double a, double b) { return std::pow(a, b); });
}

TEST(VectorAtan2, StaysWithinItsErrorAndTakesSpecialCasesAsTheCLibrary) {
  // Zeros and infinities of all signs against each other and against numbers; then random angles, many near the axes and the diagonals.
  const std::vector<float> special = {0.0f,
                                      0x1p-149f,
                                      0x1p-126f,
                                      0.5f,
                                      1.0f,
                                      1.0000001f,
                                      3.0f,
                                      0x1p100f,
                                      0x1.fffffep127f,
                                      infinity,
                                      std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> y, x;
  auto pair = [&](float a, float b) { add_with_all_signs(y, x, a, b); };
  for (float a : special)
    for (float b : special) pair(a, b);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> logarithm(-60, 60), near(-4, 4);
  for (int i = 0; i < 20000; ++i) pair(std::exp2(logarithm(random)), std::exp2(logarithm(random)));
  for (int i = 0; i < 40000; ++i) {
    float a = std::exp2(near(random));
    pair(a, a * std::exp2(near(random)));
  }
  while (x.size() % 64) pair(1, 2);
  expect_within_bound(*find_math_function("atan2"), y, x, [](double a, double b) { return std::atan2(a, b); });
}

TEST(VectorTrigonometry, AValueDoesNotDependOnLargeNeighbours) {
  // A vector with an argument that needs the long way gives the other lanes what they would have had without it.
  for (const char* name : {"sin", "cos", "tan"}) {
    const MathFunction& function = *find_math_function(name);
    std::vector<float> alone(64), beside(64);
    for (size_t i = 0; i < alone.size(); ++i) alone[i] = beside[i] = 0.37f * static_cast<float>(i) - 9;
    for (size_t i = 5; i < alone.size(); i += 7) beside[i] = i % 2 ? 1e30f : infinity;
    auto expected = evaluate<float>(function, {alone}), got = evaluate<float>(function, {beside});
    for (size_t i = 0; i < alone.size(); ++i) {
      if (alone[i] == beside[i]) EXPECT_EQ(got[i], expected[i]) << name << "(" << alone[i] << ")";
      else EXPECT_LE(ulp_error(got[i], math_reference(function)(beside[i])), function.max_ulp) << name << "(" << beside[i] << ")";
    }
  }
}

TEST(LibmMath, EveryFunctionWorksForBothTypes) {
  // Each row of the table compiles, links and runs for float and double, by vector code or by libm for each lane.
  for (const MathFunction& function : math_functions()) {
    std::vector<std::vector<double>> doubles(static_cast<size_t>(function.arity), {0.25, 0.5, 0.75});
    std::vector<std::vector<float>> floats(static_cast<size_t>(function.arity), {0.25f, 0.5f, 0.75f});
    auto wide = evaluate(function, doubles);
    auto narrow = evaluate(function, floats);
    for (size_t i = 0; i < wide.size(); ++i) {
      if (function.name == "acosh") EXPECT_TRUE(std::isnan(wide[i]) && std::isnan(narrow[i]));
      else EXPECT_NEAR(wide[i], narrow[i], 1e-6 * (1 + std::abs(wide[i]))) << function.name;
      if (function.emit) {
        EXPECT_NEAR(wide[i], math_reference(function)(doubles[0][i]), 1e-15 * (1 + std::abs(wide[i]))) << function.name;
      }
    }
  }
}

TEST(LibmMath, BinaryFunctionsKeepTheOrderOfTheirArguments) {
  // The first argument is the base, the numerator, the ordinate.
  EXPECT_EQ(evaluate<double>(*find_math_function("pow"), {{2, 3, -2}, {10, 2, 3}}), (std::vector<double>{1024, 9, -8}));
  EXPECT_EQ(evaluate<float>(*find_math_function("pow"), {{2, 3, -2}, {10, 2, 3}}), (std::vector<float>{1024, 9, -8}));
  EXPECT_EQ(evaluate<float>(*find_math_function("fmod"), {{7, -7, 7.5f}, {4, 4, 2}}), (std::vector<float>{3, -3, 1.5f}));
  EXPECT_EQ(evaluate<double>(*find_math_function("atan2"), {{1, 0}, {0, 1}}), (std::vector<double>{std::atan2(1.0, 0.0), 0}));
}

TEST(LibmMath, UnknownNamesAreAbsent) {
  // Callers decide what an unknown name means.
  EXPECT_EQ(find_math_function("sine"), nullptr);
  EXPECT_NE(find_math_function("sin"), nullptr);
}

TEST(MathBuilder, FastMathFlagsOfTheCallerDoNotReachTheFunctions) {
  // A caller that allows reassociation must not break the splitting in the functions, and gets its flags back.
  llvm::LLVMContext context;
  llvm::Module module("flags", context);
  llvm::IRBuilder<> b(context);
  auto* f = llvm::Function::Create(llvm::FunctionType::get(b.getFloatTy(), {b.getFloatTy()}, false), llvm::Function::ExternalLinkage, "f",
                                   module);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", f));
  llvm::FastMathFlags fast;
  fast.setFast();
  b.setFastMathFlags(fast);
  b.CreateRet(emit_math(b, parse_target("native"), *find_math_function("log1p"), {f->getArg(0)}));
  for (auto& instruction : f->getEntryBlock())
    if (llvm::isa<llvm::FPMathOperator>(instruction)) { EXPECT_FALSE(instruction.getFastMathFlags().any()); }
  EXPECT_TRUE(b.getFastMathFlags().isFast());
}

} // namespace
} // namespace tw::codegen
