// SPDX-License-Identifier: Apache-2.0
// The machine code of one kernel as text, from the object that was made for it: Intel's syntax, a label wherever a branch leads, and of
// each innermost loop what its instructions are.
#pragma once

#include "target/target.h"

#include <span>
#include <string>
#include <vector>

namespace tw::codegen {

// An innermost loop: from a label to the branch back to it. An instruction with a memory operand counts as load or store beside what it
// computes; `stack` are those of them that reach the stack: what found no register, and small buffers.
struct LoopCounts {
  std::string label;
  int instructions = 0, multiply_adds = 0, loads = 0, stores = 0, stack = 0;
  std::string text() const;
};

struct Assembly {
  std::string text;
  // The one where most of the time goes first, as far as code tells: most multiply-adds, then most instructions.
  std::vector<LoopCounts> loops;
};

// Contract: the object defines the symbol as a function, and was made for the target.
Assembly disassemble(std::span<const char> object, const std::string& symbol, const Target& target);

} // namespace tw::codegen
