// SPDX-License-Identifier: Apache-2.0
// What the cost model must get right whatever its constants: which bound rules, and how times grow with the work.
#include "compile/predict_time.h"

#include "arith/analyzer.h"
#include "ir/text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tw::compile {
namespace {

Target target() {
  Target t = parse_target("x86-64-v3");
  t.gigahertz = 3;
  return t;
}

Ref<Kernel> product(int rows, int depth) {
  std::string text = fmt::format("@kernel\n"
                                 "def product(a: In[({0},), f32], b: In[({1},), f32], c: Out[({2},), f32]):\n"
                                 "    for i in range({3}):\n"
                                 "        with register_tile():\n"
                                 "            r, j, k = row(6), column(16), reduce({4})\n"
                                 "            acc = fold(\"add\", 0.0, a[(i * 6 + r) * {4} + k] * b[k * 16 + j])\n"
                                 "            c[(i * 6 + r) * 16 + j] = acc\n",
                                 rows * depth, depth * 16, rows * 16, rows / 6, depth);
  return as_ref<Kernel>(parse_fragment(text, Fragment::node));
}

double nanoseconds(const Ref<Kernel>& kernel, const Traffic& traffic, const Target& t) {
  return predict_nanoseconds(predict_compute(*kernel.get(), t), traffic, t).typical();
}

TEST(PredictTime, TwiceTheDepthTakesAboutTwiceAsLong) {
  double once = nanoseconds(product(600, 256), {}, target()), twice = nanoseconds(product(600, 512), {}, target());
  EXPECT_NEAR(twice / once, 2, 0.2);
}

TEST(PredictTime, AFullTileRunsNearThePeak) {
  Target t = target();
  double operations = 2.0 * 600 * 16 * 512, peak = 2.0 * t.lanes(4) * t.fma_ports * t.gigahertz; // a nanosecond
  double seconds = nanoseconds(product(600, 512), {}, t);
  EXPECT_GT(seconds, operations / peak);
  EXPECT_LT(seconds, 1.2 * operations / peak);
}

TEST(PredictTime, WhatMovesManyBytesIsBoundByMemory) {
  Target t = target();
  double bytes = 64e6;
  EXPECT_NEAR(nanoseconds(product(6, 16), {.constants = bytes}, t), bytes / t.cost.memory_gigabytes, 1e5);
  EXPECT_LT(nanoseconds(product(6, 16), {.values = 1000}, t), 1000);
}

TEST(PredictTime, TheCacheThatHoldsTheValuesFollowsFromTheirNumber) {
  // Also where only the run knows it.
  Target t = target();
  const Amount few = 1000.0, many = 1e9, either = if_at_most(few, 1000, 1, 2), other = if_at_most(many, 1000, 1, 2);
  EXPECT_EQ(either.typical(), 1);
  EXPECT_EQ(other.typical(), 2);
  Ref<Var> n = dim("n");
  const Amount time = predict_nanoseconds(0, {.constants = 0, .values = Amount::of(n)}, t);
  auto of = [&](int64_t size) {
    auto e = as<FloatImm>(arith::simplify(substitute(time.expression(), {{n.node(), imm(size)}})));
    return e ? e->value : -1;
  };
  for (double bytes : {1e3, 1e5, 1e9})
    EXPECT_EQ(of(static_cast<int64_t>(bytes)), predict_nanoseconds(0, {.constants = 0, .values = bytes}, t).typical());
}

TEST(PredictTime, WeightsFromMemoryComeOnTopOfTheProducts) {
  // A layer with few rows and large weights takes as long as both together, not as the longer of the two.
  Target t = target();
  double products = nanoseconds(product(600, 512), {}, t), bytes = products * t.cost.memory_gigabytes;
  EXPECT_NEAR(nanoseconds(product(600, 512), {.constants = bytes}, t), 2 * products, 0.1 * products);
}

TEST(PredictTime, AFunctionOfOneInstructionIsNoPolynomial) {
  // A chain of multiply-adds costs what additions cost, far less than exponentials.
  auto chain = [](const char* value) {
    std::string text = fmt::format("@kernel\ndef chain(a: In[(4096,), f32], c: Out[(4096,), f32]):\n"
                                   "    for i in range(512):\n        store(c[Ramp(base=i * 8, stride=1, lanes=8)], {})\n",
                                   value);
    return nanoseconds(as_ref<Kernel>(parse_fragment(text, Fragment::node)), {}, target());
  };
  const char* x = "a[Ramp(base=i * 8, stride=1, lanes=8)]";
  double plain = chain(fmt::format("{0} + {0}", x).c_str()), fused = chain(fmt::format("fma({0}, {0}, {0})", x).c_str()),
         function = chain(fmt::format("exp({0})", x).c_str());
  EXPECT_LT(fused, 1.5 * plain);
  EXPECT_GT(function, 3 * plain);
}

} // namespace
} // namespace tw::compile
