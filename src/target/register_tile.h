// SPDX-License-Identifier: Apache-2.0
// Which register tile suits a reduction: rows × vectors of accumulators, chosen by a formula over the registers, the units and the waste of
// remainders. Measured basis: docs/measurements/register-tiles.md.
#pragma once

#include "target/target.h"

#include <vector>

namespace tw {

struct TileProblem {
  int64_t columns = 0;    // 0: known only at run time
  int64_t row_length = 0; // of the innermost row loop; 0: known only at run time
  int64_t lines = 1;      // of the row loop around it
  int64_t depth = 1;      // points of the reduction
  int element_bytes = 4;
  int64_t row_step = 0; // bytes between rows of the operand that does not step with the columns; 0: not known
  bool has_rows = true;
  bool one_run = false; // of rows, not one of many lines: what is left at its end counts little
  // One operand steps with the columns and one does not (products); else all do (depthwise convolution, pooling).
  bool shared_columns = true;
  bool whole_panels = false; // columns that are left over would cost a lot: panels divide them all where all operands step with them
};

struct TileChoice {
  int64_t rows = 1;    // of the innermost row loop, at most
  int64_t lines = 1;   // whole lines together, at most
  int64_t columns = 1; // a panel
};

// Elements so far apart are read as whole vectors, of which shuffles take those that count: s loads and s - 1 shuffles for a vector,
// against a load for each of its elements.
constexpr bool is_shuffled(int64_t stride) { return stride >= 2 && stride <= 8; }

TileChoice choose_tile(const Target& target, const TileProblem& problem);

// Of an unknown number of rows: the heights of the tiles that take them, one after the other, each as many as fit into what is left. The
// chosen one, then the lowest that keeps the units busy, since any lower one takes as long, then fewer: at each line's end one tile shall
// do.
std::vector<int64_t> tile_heights(const Target& target, const TileChoice& choice, const TileProblem& problem);

} // namespace tw
