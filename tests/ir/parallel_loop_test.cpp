// SPDX-License-Identifier: Apache-2.0
#include "ir/parallel_loop.h"

#include "ir/derived.h"
#include "ir/text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tw {
namespace {

Ref<Kernel> kernel(const char* outer, const char* inner) {
  std::string text = fmt::format("@kernel\ndef fill(c: Out[(64,), f32]):\n"
                                 "    for i in {}(8):\n        for j in {}(8):\n            c[i * 8 + j] = 0.0\n",
                                 outer, inner);
  return as_ref<Kernel>(parse_fragment(text, Fragment::node));
}

TEST(ParallelLoop, IsFoundAtAnyDepth) {
  EXPECT_TRUE(has_parallel_loop(kernel("parallel", "range")->body));
  EXPECT_TRUE(has_parallel_loop(kernel("range", "parallel")->body));
  EXPECT_FALSE(has_parallel_loop(kernel("range", "vectorised")->body));
}

} // namespace
} // namespace tw
