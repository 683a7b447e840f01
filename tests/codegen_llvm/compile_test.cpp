// SPDX-License-Identifier: Apache-2.0
// From IR to callable code: compiling, loading in memory, symbols, errors.
#include "codegen/llvm/jit.h"
#include "kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tw::codegen {
namespace {

using testing::HasSubstr;

TEST(LlvmTarget, FeaturesAreStatedOneByOne) {
  // LLVM is told about every feature of the table, so its own idea of a level cannot add one.
  EXPECT_THAT(llvm_features(parse_target("x86-64-v3")), HasSubstr("+sse4.2"));
  EXPECT_THAT(llvm_features(parse_target("x86-64-v3")), HasSubstr("-avx512vnni"));
  EXPECT_EQ(llvm_cpu(parse_target("x86-64-v3+avx512f")), "x86-64-v3");
  EXPECT_EQ(llvm_cpu(parse_target("x86-64-v4-fma")), "x86-64-v2");
}

TEST(LlvmTarget, EveryFeatureIsKnownToLlvm) {
  // A misspelt feature would be a warning on stderr and silently missing; each one is compiled for alone.
  for (const Feature& feature : feature_table()) {
    testing::internal::CaptureStderr();
    compile_text(add_function("f", 1), fmt::format("x86-64+{}", feature.name));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << feature.name;
  }
}

TEST(Jit, CallsCodeFromSeveralObjects) {
  // A function in one object calls a function in another and one of libm.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(add_function("add_two", 2)));
  objects.push_back(compile_text(R"(
declare i32 @add_two(i32)
declare float @expf(float)
define i32 @add_three(i32 %x) {
  %y = call i32 @add_two(i32 %x)
  %z = add i32 %y, 1
  ret i32 %z
}
define float @call_exp(float %x) {
  %y = call float @expf(float %x)
  ret float %y
})"));
  JitCode code(objects);
  EXPECT_EQ(code.function<int(int)>("add_three")(4), 7);
  EXPECT_FLOAT_EQ(code.function<float(float)>("call_exp")(1.0f), std::exp(1.0f));
}

TEST(Jit, DefinitionsGiveAddressesToUndefinedData) {
  // The weights of a module stay where they are; code refers to them by name.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(R"(
@weights = external constant [4 x float]
define float @third() {
  %p = getelementptr [4 x float], ptr @weights, i64 0, i64 2
  %y = load float, ptr %p
  ret float %y
})"));
  const float weights[] = {1, 2, 3, 4};
  JitCode code(objects, {{"weights", weights}});
  EXPECT_EQ(code.function<float()>("third")(), 3.0f);
}

TEST(Jit, UndefinedSymbolsAreNamed) {
  // Code may call nothing of the process but the listed functions; a missing one is an error that says its name.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text("declare i32 @getpid()\ndefine i32 @f() {\n %x = call i32 @getpid()\n ret i32 %x\n}"));
  try {
    JitCode code(objects);
    FAIL() << "getpid was resolved";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr("getpid"));
  }
}

TEST(CompileParallel, KeepsTheOrderOfTasks) {
  // Objects come back in the order of the tasks, whatever their cost and the number of threads.
  std::vector<CompileTask> tasks;
  for (int i = 0; i < 20; ++i)
    tasks.push_back({[i](llvm::LLVMContext& context) { return parse_ir(context, add_function(fmt::format("f{}", i), i)); }, double(i % 7)});
  for (int threads : {1, 3}) {
    auto objects = compile_parallel(tasks, parse_target("native"), threads);
    JitCode code(objects);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(code.function<int(int)>(fmt::format("f{}", i))(100), 100 + i);
    JitCode one(std::span<const ObjectBytes>(objects).subspan(7, 1));
    EXPECT_EQ(one.function<int(int)>("f7")(1), 8);
  }
}

TEST(CompileParallel, AFailingTaskStopsTheRest) {
  // The error of a builder reaches the caller, not a terminate of the thread.
  std::vector<CompileTask> tasks(5, {[](llvm::LLVMContext&) -> std::unique_ptr<llvm::Module> { throw user_error("no kernel today"); }});
  EXPECT_THROW(compile_parallel(tasks, parse_target("native"), 2), Error);
}

TEST(ModuleCompiler, MalformedIrIsAnInternalError) {
  // With `verify`, wrong IR is reported with the verifier's words instead of crashing the back end.
  llvm::LLVMContext context;
  auto module = parse_ir(context, add_function("f", 1));
  module->getFunction("f")->getEntryBlock().getTerminator()->eraseFromParent();
  EXPECT_THROW(ModuleCompiler(parse_target("native"), {.verify = true}).object(*module), Error);
}

TEST(ModuleCompiler, ErrorsOfTheBackEndAreOurs) {
  // Inline assembly that the machine does not have is an internal error with LLVM's words; the context can be used afterwards.
  llvm::LLVMContext context;
  auto module = parse_ir(context, "define void @f() {\n call void asm sideeffect \"no_such_instruction\", \"\"()\n ret void\n}");
  try {
    ModuleCompiler(parse_target("native")).object(*module);
    FAIL();
  } catch (const Error& error) { EXPECT_THAT(error.what(), HasSubstr("no_such_instruction")); }
  auto good = parse_ir(context, add_function("f", 1));
  EXPECT_FALSE(ModuleCompiler(parse_target("native")).object(*good).empty());
}

TEST(ModuleCompiler, UsesTheTargetsVectors) {
  // A vector addition takes the registers of the target it is compiled for.
  std::string text = "define <16 x float> @f(<16 x float> %x) {\n %y = fadd <16 x float> %x, %x\n ret <16 x float> %y\n}";
  auto assembly = [&](const char* target) {
    llvm::LLVMContext context;
    auto module = parse_ir(context, text);
    return ModuleCompiler(parse_target(target)).assembly(*module);
  };
  EXPECT_THAT(assembly("x86-64-v4"), HasSubstr("zmm0"));
  EXPECT_THAT(assembly("x86-64-v3"), HasSubstr("ymm1"));
  EXPECT_THAT(assembly("x86-64-v2"), HasSubstr("xmm3"));
}

} // namespace
} // namespace tw::codegen
