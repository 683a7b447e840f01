// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/tasks.h"

#include "ir/build.h"
#include "ir/visit.h"

#include <llvm/IR/Module.h>

namespace tw::codegen {
namespace {

// Of the time that LLVM takes, in nodes: a node is some 50 microseconds, and each accumulator of a register tile is written out.
double cost_of(const Kernel& kernel, const Target& target) {
  double cost = 0;
  visit(
      &kernel,
      [&](const RegisterTile& tile, Walk walk) {
        double accumulators = static_cast<double>(as_int(tile.column->extent).value_or(1)) / target.lanes(4);
        for (const auto& axis : tile.rows) accumulators *= static_cast<double>(as_int(axis->extent).value_or(1));
        cost += 1 + 4 * accumulators;
        walk(&tile);
      },
      [&](const Node&) { ++cost; });
  return cost;
}

// The entry function begins with what each module has, then every binding takes a tenth of a node's time.
double cost_of(const Function& entry) { return 40 + static_cast<double>(entry.body->bindings.size()) / 10; }

} // namespace

CompileTask kernel_task(const KernelCode& code, const Target& target) {
  auto build = [&code, &target](llvm::LLVMContext& context) {
    auto module = std::make_unique<llvm::Module>(code.symbol, context);
    with_place("kernel " + code.kernel->id.str(), [&] { KernelEmitter(*module, target).emit(*code.kernel, code.symbol); });
    return module;
  };
  return {.build = build, .cost = cost_of(*code.kernel, target)};
}

CompileTask entry_task(const EntryPlan& plan, const Target& target, std::vector<Launch>& launches) {
  auto build = [&](llvm::LLVMContext& context) {
    auto module = std::make_unique<llvm::Module>("entry", context);
    launches = emit_entry(*module, target, plan);
    return module;
  };
  return {.build = build, .cost = cost_of(*plan.function), .hot = false}; // each instruction once in a run
}

} // namespace tw::codegen
