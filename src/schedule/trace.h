// SPDX-License-Identifier: Apache-2.0
// A trace: what primitives have done to a kernel, as text that does it again. It is Python over a schedule `s`, a subset that needs no
// Python:
//
//   i, j, k = s.loops("mm")            names for loops of a block, outermost first; also s.loops("mm")[1]
//   i_0, i_1 = s.split(i, 8)           a primitive; results are loops, blocks (strings), buffers
//   s.reorder([j, i_1])                arguments: names, numbers, strings, lists; a string may name a loop or a buffer
//   T = s.buffer("T")
//
// Blocks are named, loops are found by their place around a block, so that a trace fits kernels of other sizes too. What no longer fits is
// refused at its line. A rule that changes a kernel otherwise than by primitives (Winograd) leaves `s.unrecorded()`, which is refused too.
#pragma once

#include "schedule/primitive.h"

namespace tw::schedule {

// Does what the text says. If a step is refused the schedule is as it was before all of them, and the error tells the step.
void apply_trace(Schedule& s, std::string_view text);

} // namespace tw::schedule
