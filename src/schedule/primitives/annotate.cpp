// SPDX-License-Identifier: Apache-2.0
//   with block("c"):   annotate(c, unroll_limit=4)   with block("c", unroll_limit=4):
#include "schedule/placement.h"

#include <algorithm>

namespace tw::schedule {

void annotate(Schedule& s, Name id, const Ref<Attr>& hint) {
  Ref<Block> block = s.block(id);
  std::vector<Ref<Attr>> hints;
  for (const auto& old : block->hints)
    if (old->name != hint->name) hints.push_back(old);
  hints.push_back(hint);
  std::sort(hints.begin(), hints.end(), [](const Ref<Attr>& a, const Ref<Attr>& b) { return a->name < b->name; });
  s.replace(block.node(), with(block, &Block::hints, List<Ref<Attr>>(hints)));
}

} // namespace tw::schedule
