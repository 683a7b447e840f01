// SPDX-License-Identifier: Apache-2.0
#include "target/strips.h"

#include <gtest/gtest.h>

namespace tw {
namespace {

// An inverted bottleneck: 24 channels, 144 between the convolutions, 3 × 3, 24 again.
StripProblem bottleneck(int64_t side) {
  return {.inputs = 24,
          .height = side,
          .width = side,
          .channels = 144,
          .window = 3,
          .stride = 1,
          .taps = 9,
          .result_height = side,
          .result_width = side,
          .outputs = 24};
}

TEST(Strips, WinWhereMapsWouldLeaveTheCacheAndNotWhereTheyStay) {
  Target target;
  target.vector_bytes = 64;
  target.l2_bytes = 2 << 20;
  EXPECT_TRUE(choose_strips(target, bottleneck(56)).wins);
  EXPECT_FALSE(choose_strips(target, bottleneck(7)).wins);
  target.l2_bytes = 64 << 20;
  EXPECT_FALSE(choose_strips(target, bottleneck(56)).wins);
}

TEST(Strips, HoldLessThanHalfOfTheCacheAndAreEnoughForAllThreads) {
  Target target;
  for (int64_t cache : {256 << 10, 512 << 10, 2 << 20}) {
    target.l2_bytes = cache;
    int64_t rows = choose_strips(target, bottleneck(56)).rows;
    ASSERT_GT(rows, 0);
    EXPECT_LE(rows * 56 * 144 * 4, cache / 2);
    EXPECT_GE(56 / rows, target.cores);
  }
}

TEST(Strips, LoseWhatTwoOfThemComputeBoth) {
  // Tall windows share most of their rows with those of the next strip; what is costly to compute twice costs more.
  Target target;
  StripProblem flat = bottleneck(56), tall = flat, costly = flat;
  tall.window = 25;
  costly.functions = 1;
  double saved = choose_strips(target, flat).saved_seconds;
  EXPECT_LT(choose_strips(target, tall).saved_seconds, saved);
  EXPECT_LT(choose_strips(target, costly).saved_seconds, saved);
}

TEST(Strips, OneRowMayBeTooMuch) {
  Target target;
  StripProblem wide = bottleneck(56);
  wide.width = wide.result_width = 1 << 20;
  EXPECT_EQ(choose_strips(target, wide).rows, 0);
  EXPECT_FALSE(choose_strips(target, wide).wins);
}

} // namespace
} // namespace tw
