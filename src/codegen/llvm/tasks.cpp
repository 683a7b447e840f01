// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/tasks.h"

#include <llvm/IR/Module.h>

namespace tw::codegen {

CompileTask kernel_task(const KernelCode& code, const Target& target) {
  auto build = [&code, &target](llvm::LLVMContext& context) {
    auto module = std::make_unique<llvm::Module>(code.symbol, context);
    with_place("kernel " + code.kernel->id.str(), [&] { KernelEmitter(*module, target).emit(*code.kernel, code.symbol); });
    return module;
  };
  return {.build = build, .cost = static_cast<double>(code.kernel->params.size())};
}

CompileTask entry_task(const EntryPlan& plan, const Target& target, std::vector<Launch>& launches) {
  auto build = [&](llvm::LLVMContext& context) {
    auto module = std::make_unique<llvm::Module>("entry", context);
    launches = emit_entry(*module, target, plan);
    return module;
  };
  return {.build = build, .cost = 100, .hot = false}; // each instruction once in a run
}

} // namespace tw::codegen
