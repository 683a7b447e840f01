// SPDX-License-Identifier: Apache-2.0
// What a module says that it needs (the compiler's table of features) is what its loader looks for (the runtime's own table).
#include "runtime/cpu_features.h"
#include "target/features.h"
#include "target/target.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace tw {
namespace {

const runtime::CpuFeature* in_runtime(std::string_view name) {
  for (const auto& feature : runtime::cpu_feature_table())
    if (feature.name == name) return &feature;
  return nullptr;
}

// Of every feature that code may be generated for, the loader knows the bit and the state that must be saved.
TEST(CpuFeatures, CompilerAndLoaderReadTheSameBits) {
  constexpr uint64_t states[] = {0, 0x6, 0xe6, 0x60000}; // by SavedState: extended control register 0
  if (runtime::machine_name() != "x86_64") GTEST_SKIP() << "the tables are of x86-64";
  for (const Feature& ours : feature_table()) {
    const runtime::CpuFeature* theirs = in_runtime(ours.name);
    ASSERT_NE(theirs, nullptr) << ours.name;
    EXPECT_EQ(ours.leaf, theirs->leaf) << ours.name;
    EXPECT_EQ(ours.subleaf, theirs->subleaf) << ours.name;
    EXPECT_EQ(static_cast<int>(ours.reg), static_cast<int>(theirs->where)) << ours.name;
    EXPECT_EQ(ours.bit, theirs->bit) << ours.name;
    EXPECT_EQ(states[static_cast<size_t>(ours.state)], theirs->state) << ours.name;
  }
}

// A module compiled for this machine may be loaded on it.
TEST(CpuFeatures, TheNativeTargetHasWhatTheLoaderFinds) {
  EXPECT_EQ(runtime::missing_features(join_features(native_target().features)), "");
}

// No feature stands in a table twice, so that the first row found is the only one.
TEST(CpuFeatures, EachHasOneRow) {
  std::vector<std::string_view> names;
  for (const auto& feature : runtime::cpu_feature_table()) names.push_back(feature.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

} // namespace
} // namespace tw
