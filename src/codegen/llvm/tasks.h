// SPDX-License-Identifier: Apache-2.0
// Kernels and the entry function as tasks for compile_parallel, so that callers need no header of LLVM.
#pragma once

#include "codegen/llvm/compile_module.h"
#include "codegen/llvm/entry_emitter.h"

namespace tw::codegen {

// Both refer to their arguments until the task has run.
CompileTask kernel_task(const KernelCode& code, const Target& target);
CompileTask entry_task(const EntryPlan& plan, const Target& target, std::vector<Launch>& launches);

} // namespace tw::codegen
