// SPDX-License-Identifier: Apache-2.0
// What a module says before a run, of the sizes alone: how long the run takes, and what its launches are.
#pragma once

#include "codegen/llvm/entry_emitter.h"

namespace tw::codegen {

// `predict` and `describe` of the descriptor; a null pointer where no launch depends on a size.
struct SizeFunctions {
  llvm::Constant *predict, *describe;
};
// `bind_dims` makes the values of the symbols at an address those of `dims`.
SizeFunctions emit_size_functions(KernelEmitter& emitter, llvm::Module& module, const std::vector<Launch>& launches,
                                  const List<Ref<Var>>& dims, const std::function<void(llvm::Value*)>& bind_dims);

// Is there such a number, and over these alone, not over sizes that the run computes?
bool known_before_run(const Opt<Expr>& e, const List<Ref<Var>>& dims);

} // namespace tw::codegen
