// SPDX-License-Identifier: Apache-2.0
// An LLVM module to the bytes of a relocatable ELF object, on one thread or many.
//
// Generated IR comes nearly finished: accumulators are phi nodes, vectors have the machine's width, fused multiply-adds are explicit. So no
// `-O2` pipeline runs; a short one cleans up what is convenient to emit badly (allocas, repeated address arithmetic). No vectoriser ever
// runs.
#pragma once

#include "codegen/llvm/llvm_target.h"

#include <llvm/ADT/SmallVector.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace tw::codegen {

using ObjectBytes = llvm::SmallVector<char, 0>;

// Compiles modules one after the other; belongs to one thread at a time.
class ModuleCompiler {
public:
  explicit ModuleCompiler(const Target& target, const CodegenOptions& options = {});
  ~ModuleCompiler();

  // Sets triple, data layout and per-function attributes; the module is changed in the process.
  ObjectBytes object(llvm::Module& module);
  // The same as text for people and tests (AT&T syntax).
  std::string assembly(llvm::Module& module);

private:
  void prepare(llvm::Module& module);
  void emit(llvm::Module& module, ObjectBytes& out, bool as_text);

  const Target target_;
  const CodegenOptions options_;
  std::unique_ptr<llvm::TargetMachine> machine_;
};

// A module that is yet to be built, by the thread that will compile it.
struct CompileTask {
  std::function<std::unique_ptr<llvm::Module>(llvm::LLVMContext&)> build;
  double cost = 1; // relative; the largest starts first
  bool hot = true; // where the time of a run goes; else compiled fast rather than well
};

// Results in the order of the tasks. An exception of any task leaves here once all threads have stopped.
std::vector<ObjectBytes> compile_parallel(const std::vector<CompileTask>& tasks, const Target& target, int threads,
                                          const CodegenOptions& options = {});

} // namespace tw::codegen
