// SPDX-License-Identifier: Apache-2.0
// The module descriptor of tensorwright/artifact.h as constant data: one layout for code in memory and in files.
#pragma once

#include "codegen/llvm/entry_emitter.h"

namespace tw::codegen {

void emit_descriptor(llvm::Module& module, const EntryPlan& plan, const std::vector<Launch>& launches, llvm::Function* entry,
                     llvm::Function* plan_function);

} // namespace tw::codegen
