// SPDX-License-Identifier: Apache-2.0
#include "base/build_identity.h"

#include <gtest/gtest.h>

namespace tw {
namespace {

TEST(BuildIdentity, IsOneAndTheSameWithinARunAndSaysSomething) {
  EXPECT_GE(build_identity().size(), 8u);
  EXPECT_EQ(&build_identity(), &build_identity());
}

} // namespace
} // namespace tw
