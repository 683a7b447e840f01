// SPDX-License-Identifier: Apache-2.0
// What the profile says of a kernel call: whose it is, its sizes, its work.
#pragma once

#include "codegen/llvm/entry_emitter.h"

namespace tw::compile {

codegen::Launch describe_launch(const Invoke& invoke, const Kernel& kernel, const Opt<Origin>& origin, const Target& target);
// "conv1+bn1+relu1"
std::string origin_text(const Opt<Origin>& origin);

} // namespace tw::compile
