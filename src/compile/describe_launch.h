// SPDX-License-Identifier: Apache-2.0
// What the profile says of a kernel call: whose it is, its sizes, its work. What holds for every call of a kernel is found once.
#pragma once

#include "codegen/llvm/entry_emitter.h"
#include "compile/amount.h"

namespace tw::compile {

class LaunchDescriber {
public:
  explicit LaunchDescriber(const Target& target) : target_(target) {}
  // The kernel outlives this.
  codegen::Launch describe(const Invoke& invoke, const Kernel& kernel, const Opt<Origin>& origin);

private:
  struct Facts {
    std::vector<bool> read_by_data;       // for each parameter
    std::optional<Amount> flops, compute; // where no size changes them
  };
  const Facts& facts_of(const Kernel& kernel);

  const Target& target_;
  std::unordered_map<const Node*, Facts> facts_;
};

// "conv1+bn1+relu1"
std::string origin_text(const Opt<Origin>& origin);

} // namespace tw::compile
