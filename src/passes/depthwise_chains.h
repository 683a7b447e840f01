// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions that share a kernel with the 1 × 1 convolutions before and behind them (inverted bottlenecks): where what passes
// between them would leave a core's cache, they go through strips of rows together (target/strips.h). This says which; `fuse` puts them
// into one group, and `pad_in_place` leaves their borders to the strip.
#pragma once

#include "ir/node_list.h"
#include "target/target.h"

#include <unordered_set>

namespace tw::passes {

// Without an expansion before it a convolution reads what already lies between borders: `pad_in_place` has seen to it, or still may.
enum class Borders { to_come, placed };

class DepthwiseChains {
public:
  // Of the function's outermost body.
  DepthwiseChains(const Function& function, const Target& target, Borders borders);
  // Does the convolution join the group that computes its first argument?
  bool follows(const OpCall& convolution) const { return follows_.contains(&convolution); }

private:
  std::unordered_set<const OpCall*> follows_;
};

} // namespace tw::passes
