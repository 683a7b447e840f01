// SPDX-License-Identifier: Apache-2.0
// Whether a depthwise convolution and the 1 × 1 convolutions around it go together through strips of rows, and through which: what passes
// between them then stays in one core's second-level cache. A formula over bytes that no longer move, rows that two strips compute both,
// and weights that each strip reads again.
#pragma once

#include "target/target.h"

namespace tw {

struct StripProblem {
  int64_t batch = 1;                           // one that only the run knows counts as 1
  int64_t inputs = 0;                          // channels that a 1 × 1 convolution before it reads; 0: there is none
  int64_t functions = 0;                       // exponentials and the like of each element that it gives
  int64_t height = 0, width = 0, channels = 0; // what the depthwise convolution reads
  int64_t window = 1, stride = 1, taps = 1;    // rows that a row of its result reads, rows to the next window, points of a window
  int64_t result_height = 0, result_width = 0; // of its result
  int64_t outputs = 0;                         // channels that a 1 × 1 convolution behind it writes; 0: there is none
  int element_bytes = 4;
};

struct StripChoice {
  int64_t rows = 0;         // of the depthwise result that a strip has; 0: one row is too much for the cache
  double saved_seconds = 0; // on one core; negative: lost
  bool wins = false;        // saves enough
};

StripChoice choose_strips(const Target& target, const StripProblem& problem);

} // namespace tw
