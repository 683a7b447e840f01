// SPDX-License-Identifier: Apache-2.0
#include "base/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace tw {
namespace {

TEST(ParallelFor, EachIndexOnce) {
  // Fewer, as many and more indices than threads, none at all, and numbers of threads that make no sense.
  for (int threads : {-1, 0, 1, 2, 7})
    for (size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{1000}}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(count, threads, [&](size_t i) { ++calls[i]; });
      for (auto& c : calls) EXPECT_EQ(c, 1);
    }
}

TEST(ParallelFor, TheLowestFailureComesOut) {
  // Whichever thread was faster: messages to users do not depend on chance.
  for (int round = 0; round < 50; ++round) try {
      parallel_for(100, 4, [&](size_t i) {
        if (i % 10 == 3) throw std::runtime_error(std::to_string(i));
      });
      FAIL();
    } catch (const std::runtime_error& e) { EXPECT_STREQ(e.what(), "3"); }
}

} // namespace
} // namespace tw
