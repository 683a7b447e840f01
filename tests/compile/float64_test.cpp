// SPDX-License-Identifier: Apache-2.0
// A model with wider numbers, to check the narrow one against.
#include "compile/float64.h"

#include "compile/run_compiled.h"
#include "ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw::compile {
namespace {

using interpreter::Array;

const char* head = "# tensorwright 1\nfrom __future__ import annotations\nfrom tensorwright.text import *\n";

Ref<Module> module_of(const std::string& body) { return parse(head + body, Source{.file = "test"}); }

TEST(Float64, WidensTypesConstantsAndAttributesEvenWhereTheyAreDefaults) {
  // The sum of 1e8 and 1 keeps its last digit; a cast to the operator's default type follows.
  auto module = module_of("large = constant(f32, (2,), [1e+08, 2e+08])\n"
                          "@function(exported=True)\n"
                          "def main(x: Tensor[(2,), f32], i: Tensor[(2,), i32]) -> Tensor[(2,), f32]:\n"
                          "    a: Tensor[(2,), f32] = add(x, large)\n"
                          "    b: Tensor[(2,), f32] = cast(i)\n"
                          "    y: Tensor[(2,), f32] = add(a, b)\n"
                          "    return y\n");
  Reference reference = compile_reference(module, {});
  ASSERT_TRUE(reference.wide) << reference.problem;
  auto out = test::run_compiled(reference.compiled, {Array::of(f64, {2}, {1, 2}), Array::of(i32, {2}, {3, 4})});
  EXPECT_EQ(out[0].dtype, f64);
  EXPECT_EQ(out[0].numbers(), (std::vector<double>{100000004, 200000006}));
}

TEST(Float64, LeavesOtherTypesAlone) {
  // Integers, half precision and what is f64 already mean what they say.
  auto module = module_of("@function(exported=True)\n"
                          "def main(x: Tensor[(2,), f16], y: Tensor[(2,), i64]) -> (Tensor[(2,), f16], Tensor[(2,), i64]):\n"
                          "    a: Tensor[(2,), f16] = relu(x)\n"
                          "    b: Tensor[(2,), i64] = neg(y)\n"
                          "    return a, b\n");
  EXPECT_TRUE(as_ref<Module>(widen_to_float64(module)).same_as(module));
}

TEST(Float64, IsNotForModelsThatRound) {
  // A value that falls on the other side of a step is no error of the compiler.
  auto module = module_of("step = constant(f32, (), [0.5])\nzero = constant(u8, (), [3])\n"
                          "@function(exported=True)\n"
                          "def main(x: Tensor[(4,), f32]) -> Tensor[(4,), u8]:\n"
                          "    y: Tensor[(4,), u8] = quantize_linear(x, step, zero)\n"
                          "    return y\n");
  EXPECT_FALSE(widen_to_float64(module));
  Reference reference = compile_reference(module, {});
  EXPECT_FALSE(reference.wide);
  EXPECT_THAT(reference.problem, testing::HasSubstr("rounds values to integers"));
}

TEST(Float64, IsWithoutApproximations) {
  // A convolution that minimal filtering would take is a direct sum in the reference.
  auto module = module_of("@function(exported=True)\n"
                          "def main(x: Tensor[(1, 16, 16, 16), f32], w: Tensor[(16, 16, 3, 3), f32]) -> Tensor[(1, 16, 16, 16), f32]:\n"
                          "    y: Tensor[(1, 16, 16, 16), f32] = convolution(x, w, pads=[1, 1, 1, 1])\n"
                          "    return y\n");
  Reference reference = compile_reference(module, {});
  ASSERT_TRUE(reference.wide) << reference.problem;
  for (const auto& pass : reference.compiled.report().passes) EXPECT_NE(pass.name, "select_winograd");
}

} // namespace
} // namespace tw::compile
