// SPDX-License-Identifier: Apache-2.0
// The intrinsics of ir/intrinsics.h in LLVM: one row each in the table of the source file.
#pragma once

#include "target/target.h"

#include <llvm/IR/IRBuilder.h>

#include <string>
#include <vector>

namespace tw::codegen {

// Lanewise; arguments are numbers (or vectors of them) of one type. Fails for a name that has no row.
llvm::Value* emit_intrinsic(llvm::IRBuilder<>& builder, const Target& target, const std::string& name,
                            const std::vector<llvm::Value*>& args);
// sum + dot_pairs(x, y), in one instruction where the machine has it.
bool has_fused_pairs(const Target& target);
llvm::Value* add_dot_pairs(llvm::IRBuilder<>& builder, const Target& target, llvm::Value* sum, llvm::Value* x, llvm::Value* y);

} // namespace tw::codegen
