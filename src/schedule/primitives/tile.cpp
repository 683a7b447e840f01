// SPDX-License-Identifier: Apache-2.0
//   for i in range(8):                                    for i_0 in range(2):
//       for j in range(8):      tile([i, j], [4, 2])          for j_0 in range(4):
//           C[i, j] = A[i, j]                                     for i_1 in range(4):
//                                                                     for j_1 in range(2):
//                                                                         C[i_0*4 + i_1, j_0*2 + j_1] = A[…]
#include "schedule/placement.h"

namespace tw::schedule {

Loops tile(Schedule& s, const Loops& loops, const std::vector<int64_t>& sizes) {
  if (loops.empty() || loops.size() != sizes.size())
    throw schedule_error("tile", "kernel " + s.kernel()->id.str(),
                         fmt::format("there is one size for each loop, found {} for {}", sizes.size(), loops.size()));
  Schedule attempt = s;
  Loops outer, inner;
  for (size_t i = 0; i < loops.size(); ++i) {
    Loops parts = split(attempt, loops[i], sizes[i]);
    outer.push_back(parts[0]);
    inner.push_back(parts[1]);
  }
  outer.insert(outer.end(), inner.begin(), inner.end());
  reorder(attempt, outer);
  s.set_body(attempt.kernel()->body);
  return outer;
}

} // namespace tw::schedule
