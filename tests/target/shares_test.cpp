// SPDX-License-Identifier: Apache-2.0
#include "target/shares.h"

#include <gtest/gtest.h>

namespace tw {
namespace {

TEST(Shares, TheBusiestThreadDoesWhatIsLeftOver) {
  EXPECT_DOUBLE_EQ(busiest_share(8, 2), 1);
  EXPECT_DOUBLE_EQ(busiest_share(7, 2), 8.0 / 7);
  EXPECT_DOUBLE_EQ(busiest_share(1, 4), 4);
}

TEST(Shares, AtLeastTwoThreadsAreExpectedAndNoMoreThanKernelsAreCutFor) {
  Target target;
  for (auto [cores, expected] : {std::pair{1, 2}, {2, 2}, {6, 6}, {128, 16}}) {
    target.cores = cores;
    EXPECT_EQ(expected_threads(target), expected);
  }
}

} // namespace
} // namespace tw
