// SPDX-License-Identifier: Apache-2.0
// Machine code as text: labels, names that the linker fills in, and what innermost loops consist of.
#include "codegen/llvm/disassemble.h"
#include "kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw::codegen {
namespace {

using testing::HasSubstr;

TEST(Disassemble, CountsTheInnermostLoopAndLabelsIt) {
  // Two nested loops; only the inner one is counted: one multiply-add with a load in it, one store, nothing on the stack.
  auto object = compile_text(R"(
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
define void @first(ptr %x) {
  ret void
}
define void @scale(ptr noalias %x, ptr noalias %y, <8 x float> %a, i64 %n) {
entry:
  br label %outer
outer:
  %i = phi i64 [0, %entry], [%i1, %latch]
  br label %inner
inner:
  %j = phi i64 [0, %outer], [%j1, %inner]
  %from = getelementptr <8 x float>, ptr %x, i64 %j
  %to = getelementptr <8 x float>, ptr %y, i64 %j
  %v = load <8 x float>, ptr %from, align 4
  %w = call <8 x float> @llvm.fma.v8f32(<8 x float> %v, <8 x float> %a, <8 x float> %a)
  store <8 x float> %w, ptr %to, align 4
  %j1 = add i64 %j, 1
  %more = icmp ne i64 %j1, %n
  br i1 %more, label %inner, label %latch
latch:
  %i1 = add i64 %i, 1
  %again = icmp ne i64 %i1, %n
  br i1 %again, label %outer, label %done
done:
  ret void
})",
                             "x86-64-v3");
  Assembly code = disassemble(object, "scale", parse_target("x86-64-v3"));
  ASSERT_EQ(code.loops.size(), 1u) << code.text;
  const LoopCounts& loop = code.loops[0];
  EXPECT_EQ(loop.multiply_adds, 1) << code.text;
  EXPECT_EQ(loop.loads, 1) << code.text;
  EXPECT_EQ(loop.stores, 1) << code.text;
  EXPECT_EQ(loop.stack, 0) << code.text;
  EXPECT_THAT(code.text, HasSubstr(loop.label + ":  # innermost loop, " + loop.text()));
  EXPECT_THAT(code.text, HasSubstr(" " + loop.label + "\n")); // the branch back
  EXPECT_THAT(code.text, HasSubstr("vfmadd"));
  EXPECT_THAT(code.text, testing::StartsWith("scale:\n"));
  EXPECT_THAT(code.text, testing::Not(HasSubstr("first")));
}

TEST(Disassemble, NamesWhatTheLinkerFillsIn) {
  // A call says whom; what is on the stack in a loop is told apart.
  auto object = compile_text(R"(
declare float @expf(float)
define void @all(ptr %x, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i1, %loop]
  %sum = phi float [0.0, %entry], [%sum1, %loop]
  %at = getelementptr float, ptr %x, i64 %i
  %v = load float, ptr %at
  %e = call float @expf(float %v)
  %sum1 = fadd float %sum, %e
  %i1 = add i64 %i, 1
  %more = icmp ne i64 %i1, %n
  br i1 %more, label %loop, label %done
done:
  store float %sum1, ptr %x
  ret void
})",
                             "x86-64-v3");
  Assembly code = disassemble(object, "all", parse_target("x86-64-v3"));
  EXPECT_THAT(code.text, testing::ContainsRegex("call +expf\n"));
  ASSERT_EQ(code.loops.size(), 1u) << code.text;
  EXPECT_GE(code.loops[0].stack, 1) << code.text; // no vector register outlives a call
  EXPECT_EQ(code.loops[0].multiply_adds, 0);
}

TEST(Disassemble, WhatIsNotThereIsAnInternalError) {
  // Callers know the names of their kernels.
  auto object = compile_text(add_function("f", 1));
  try {
    disassemble(object, "g", parse_target("native"));
    FAIL();
  } catch (const Error& error) { EXPECT_THAT(error.what(), HasSubstr("compiled code has no function 'g'")); }
}

} // namespace
} // namespace tw::codegen
