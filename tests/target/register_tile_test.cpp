// SPDX-License-Identifier: Apache-2.0
// Tiles for rows of which only the run knows the number.
#include "target/register_tile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw {
namespace {

using ::testing::ElementsAre;

TEST(TileHeights, EndWithOneRowAndHoldTheLowestThatKeepsTheUnitsBusy) {
  // Two units of latency 4 want eight accumulators: four rows of two vectors, two of four. Below, a line's end takes one tile more at most.
  Target target = parse_target("x86-64-v4");
  EXPECT_THAT(tile_heights(target, {.rows = 12, .columns = 32}, {}), ElementsAre(12, 4, 3, 2, 1));
  EXPECT_THAT(tile_heights(target, {.rows = 6, .columns = 64}, {}), ElementsAre(6, 2, 1));
  EXPECT_THAT(tile_heights(target, {.rows = 12, .columns = 16}, {}), ElementsAre(12, 8, 4, 3, 2, 1));
  EXPECT_THAT(tile_heights(target, {.rows = 1, .columns = 64}, {}), ElementsAre(1));
}

TEST(TileHeights, AreFewerWhereWhatIsLeftIsLittle) {
  // At the end of one long run of rows, and where all operands step with the columns.
  Target target = parse_target("x86-64-v4");
  EXPECT_THAT(tile_heights(target, {.rows = 12, .columns = 32}, {.one_run = true}), ElementsAre(12, 4, 2, 1));
  EXPECT_THAT(tile_heights(target, {.rows = 5, .columns = 48}, {.shared_columns = false}), ElementsAre(5, 2, 1));
}

} // namespace
} // namespace tw
