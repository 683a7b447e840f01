// SPDX-License-Identifier: Apache-2.0
// How evenly threads divide pieces of work of one size. Schedules are the same for any number of threads: they look at the machine's cores.
#pragma once

#include "target/target.h"

#include <algorithm>

namespace tw {

inline int64_t expected_threads(const Target& target) { return std::clamp(target.cores, 2, 16); }

// What the thread with most of the pieces does, over an equal share; 1 is even.
inline double busiest_share(int64_t pieces, int64_t threads) {
  return static_cast<double>((pieces + threads - 1) / threads * threads) / static_cast<double>(std::max<int64_t>(pieces, 1));
}

} // namespace tw
