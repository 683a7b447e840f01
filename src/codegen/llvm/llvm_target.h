// SPDX-License-Identifier: Apache-2.0
// A Target in the words of LLVM: triple, CPU, features, and a TargetMachine.
#pragma once

#include "target/target.h"

#include <memory>
#include <string>

namespace llvm {
class TargetMachine;
}

namespace tw::codegen {

// How hard the back end works, and what it leaves out. The defaults are what was measured to be best for kernels in final SSA
// (docs/measurements/register-tiles.md).
struct CodegenOptions {
  int level = 2;          // 0…3, of instruction selection, scheduling and register allocation
  bool middle_end = true; // the small clean-up pipeline of compile_module.cpp; leave out for IR that is final already
  bool verify = true;     // check the IR before compiling it
};

std::string llvm_triple(const Target& target);
// "x86-64-v3": the baseline that LLVM knows closest below the target's features.
std::string llvm_cpu(const Target& target);
// "+avx2,+fma,-avx512f": every feature of our table is stated, present or not.
std::string llvm_features(const Target& target);

// Registers the back ends with LLVM; cheap after the first call, thread-safe.
void initialize_llvm();

// One for each thread: a TargetMachine must not be used by two threads at once.
std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target, const CodegenOptions& options);

} // namespace tw::codegen
