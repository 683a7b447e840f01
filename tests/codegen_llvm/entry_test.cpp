// SPDX-License-Identifier: Apache-2.0
// What the entry function is made of; what it does is seen in tests/compile, which runs it.
#include "codegen/llvm/entry_emitter.h"

#include "ir/text.h"
#include "ir/visit.h"

#include <gtest/gtest.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

namespace tw::codegen {
namespace {

size_t instructions_with_calls(int calls) {
  std::string text = R"(# tensorwright 1
from __future__ import annotations
from tensorwright.text import *

@kernel(scheduled=True)
def twice(x: In[(64,), f32], y: Out[(64,), f32]):
    for i in range(64):
        y[i] = x[i] + x[i]

@function(exported=True, arena_bytes=512)
def main(x0: Tensor[(64,), f32]) -> Tensor[(64,), f32]:
)";
  for (int i = 0; i < calls; ++i)
    text += fmt::format("    x{}: Stored[Tensor[(64,), f32], arena({})] = twice(x{})\n", i + 1, i % 2 * 256, i);
  Ref<Module> module = parse(text + fmt::format("    return x{}\n", calls));
  Opt<Kernel> kernel;
  Opt<Function> function;
  for (const auto& callable : module->functions)
    if (as<Kernel>(callable)) kernel = as_ref<Kernel>(callable);
    else function = as_ref<Function>(callable);
  EntryPlan plan{
      .function = as_ref<Function>(function),
      .name = "main",
      .target = "",
      .features = "",
      .producer = "",
      .input_names = {"x"},
      .output_names = {"y"},
      .kernels = {},
      .constants = {},
      .describe = [](const Invoke&, const Kernel&, const Opt<Origin>&) { return Launch{.kernel = "twice", .origin = "", .shape = {}}; }};
  plan.kernels.emplace(kernel->id, KernelCode{"twice", as_ref<Kernel>(kernel)});
  llvm::LLVMContext context;
  llvm::Module out("entry", context);
  EXPECT_EQ(emit_entry(out, parse_target("native"), plan).size(), static_cast<size_t>(calls));
  return out.getInstructionCount();
}

TEST(Entry, GrowsWithKernelsNotWithTheirCalls) {
  // Further calls of a kernel that is there are data: a model with more layers of one kind has as many instructions.
  EXPECT_EQ(instructions_with_calls(2), instructions_with_calls(50));
}

} // namespace
} // namespace tw::codegen
