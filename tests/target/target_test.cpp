// SPDX-License-Identifier: Apache-2.0
// Targets: parsing of names and changes, implied features, the host.
#include "target/register_tile.h"
#include "target/target.h"

#include "base/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tw {
namespace {

using testing::HasSubstr;

std::string message_of(std::string_view text) {
  try {
    parse_target(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "";
}

TEST(Target, LevelsHaveTheirVectorWidthAndFma) {
  // Each level gives the registers and the multiply-add that the psABI promises for it.
  EXPECT_EQ(parse_target("x86-64-v2").vector_bytes, 16);
  EXPECT_FALSE(parse_target("x86-64-v2").has_fma());
  EXPECT_EQ(parse_target("x86-64-v3").vector_bytes, 32);
  EXPECT_EQ(parse_target("x86-64-v3").vector_registers, 16);
  EXPECT_TRUE(parse_target("x86-64-v3").has_fma());
  EXPECT_EQ(parse_target("x86-64-v4").vector_bytes, 64);
  EXPECT_EQ(parse_target("x86-64-v4").vector_registers, 32);
  EXPECT_EQ(parse_target("x86-64-v4").lanes(4), 16);
}

TEST(Target, ChangesBringWhatTheyNeedAndTakeWhatNeedsThem) {
  // Adding a feature adds what it implies; removing one removes everything above it; the last word wins.
  EXPECT_EQ(parse_target("x86-64-v2+avx512f").vector_bytes, 64);
  EXPECT_TRUE(parse_target("x86-64-v2+avx512_vnni").has("fma"));
  Target narrowed = parse_target("x86-64-v4-avx2");
  EXPECT_FALSE(narrowed.has("avx512bw"));
  EXPECT_TRUE(narrowed.has("avx"));
  EXPECT_EQ(narrowed.vector_bytes, 32);
  EXPECT_TRUE(parse_target("x86-64-v3-fma+fma").has_fma());
  EXPECT_TRUE(parse_target("x86-64-v3,+avx512f,-avx512f").has_fma());
  EXPECT_EQ(parse_target("x86-64-v3+avx512f").name, "x86-64-v3+avx512f");
}

TEST(Target, ErrorsNameTheTextAndWhatIsKnown) {
  // A mistake in a target's name is answered with the choices.
  EXPECT_THAT(message_of("x86-64-v9"), HasSubstr("known targets: native"));
  EXPECT_THAT(message_of(""), HasSubstr("unknown target ''"));
  EXPECT_THAT(message_of("x86-64-v3+avx51"), HasSubstr("unknown feature 'avx51'"));
  EXPECT_THAT(message_of("x86-64-v3+avx51"), HasSubstr("avx512_vnni"));
  EXPECT_THAT(message_of("x86-64-v3,avx2"), HasSubstr("expected '+feature'"));
  EXPECT_THAT(message_of("x86-64-v3-sse2"), HasSubstr("cannot be removed"));
}

TEST(Target, EveryFeatureImpliesKnownOnes) {
  // The table is closed: adding any feature finds all that it implies.
  for (const Feature& feature : feature_table()) {
    FeatureSet set;
    EXPECT_NO_THROW(add_feature(set, feature.name));
    remove_feature(set, feature.name);
    EXPECT_FALSE(set.contains(feature.name));
  }
}

TEST(Target, HostAgreesWithTheSystem) {
  // What cpuid says is what the kernel lists in /proc/cpuinfo, and the sizes are plausible.
  Target host = native_target();
  EXPECT_EQ(host.name, "native");
  EXPECT_GE(host.cores, 1);
  EXPECT_GE(host.l1_bytes, 8 << 10);
  EXPECT_LT(host.l1_bytes, host.l2_bytes);
  EXPECT_TRUE(missing_on_host(host).empty());
  std::ifstream file("/proc/cpuinfo");
  FeatureSet listed;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) listed.insert(word);
    break;
  }
  if (listed.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  for (const std::string& feature : host.features) EXPECT_TRUE(listed.contains(feature)) << feature;
}

TEST(RegisterTile, PanelsOfColumnsThatAllOperandsStepWith) {
  // Two vectors, and what is left over; all columns together where a few whole vectors hold them; a panel that divides them where a rest
  // would cost a lot.
  Target target = parse_target("x86-64-v3");
  auto columns = [&](int64_t count, bool whole_panels) {
    return choose_tile(target, {.columns = count, .row_length = 56, .depth = 9, .shared_columns = false, .whole_panels = whole_panels})
        .columns;
  };
  EXPECT_EQ(columns(72, false), 16);
  EXPECT_EQ(columns(32, false), 32);
  EXPECT_EQ(72 % columns(72, true), 0);
  EXPECT_GT(choose_tile(target, {.columns = 72, .row_length = 56, .depth = 9, .shared_columns = false}).rows, 2);
}

TEST(RegisterTile, RowsThatShareASetStayEnoughToHideTheLatency) {
  // Rows 4096 bytes apart share a set of eight ways: six rows and their columns stay, and fewer would wait for each other's sums.
  TileChoice narrow = choose_tile(parse_target("x86-64-v3"), {.columns = 1024, .row_length = 1024, .depth = 1024, .row_step = 4096});
  EXPECT_EQ(narrow.rows, 6);
  EXPECT_EQ(narrow.columns, 16);
  TileChoice wide = choose_tile(parse_target("x86-64-v4"), {.columns = 1024, .row_length = 1024, .depth = 1024, .row_step = 4096});
  EXPECT_EQ(wide.rows, 8);
}

TEST(RegisterTile, OfEqualTilesTheOneWithMoreRowsAfterEvening) {
  // Seven rows in steps of at most six are steps of four and three: seven rows at once read the columns half as often.
  Target target = parse_target("x86-64-v4");
  TileChoice choice = choose_tile(target, {.columns = 512, .row_length = 7, .lines = 7, .depth = 4608, .row_step = 4096});
  EXPECT_EQ(choice.rows, 7);
}

} // namespace
} // namespace tw
