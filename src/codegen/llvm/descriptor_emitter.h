// SPDX-License-Identifier: Apache-2.0
// The module descriptor of tensorwright/artifact.h as constant data: one layout for code in memory and in files.
#pragma once

#include "codegen/llvm/size_functions.h"

namespace tw::codegen {

struct ModuleFunctions {
  llvm::Function* plan;
  SizeFunctions sizes;
  llvm::Function* entry;
};

void emit_descriptor(llvm::Module& module, const EntryPlan& plan, const std::vector<Launch>& launches, const ModuleFunctions& functions);

} // namespace tw::codegen
