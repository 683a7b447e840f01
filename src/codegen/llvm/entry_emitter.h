// SPDX-License-Identifier: Apache-2.0
// The entry function of a module in native code: what every thread of a run executes. Kernels and barriers are a table that the runtime
// walks through (tw_step); code are sizes, memory that only the run knows how much of, conditions, branches. Also the functions `plan` and
// the descriptor that the runtime reads.
#pragma once

#include "codegen/llvm/kernel_emitter.h"
#include "tensorwright/artifact.h"

#include <map>

namespace tw::codegen {

struct KernelCode {
  std::string symbol;
  Ref<Kernel> kernel;
  bool parallel = true; // has a loop that is shared between threads
};

// A number that may depend on sizes.
struct SizedNumber {
  double typical = 0;   // with typical ones for those that are not known
  Opt<Expr> exact = {}; // over the function's sizes, f64; empty where it depends on none
};

struct Launch {
  // A text, and the size that follows it.
  struct ShapePart {
    std::string text;
    Opt<Expr> size = {};
  };
  std::string kernel, origin;
  std::vector<ShapePart> shape;
  SizedNumber flops, bytes, predicted_ns;

  // The shape with symbolic sizes.
  std::string shape_text() const;
};

struct EntryPlan {
  Ref<Function> function; // stage `planned`
  std::string name, target, features, producer;
  std::vector<std::string> input_names, output_names;
  std::map<Name, KernelCode> kernels;                 // by the callee's name
  std::unordered_map<const Node*, int64_t> constants; // Constant → offset into the weights
  int64_t weight_bytes = 0, scratch_bytes = 0;
  // What the profile says of a call; asked once for each.
  std::function<Launch(const Invoke&, const Kernel&, const Opt<Origin>&)> describe;
};

inline constexpr const char* weights_symbol = "tensorwright_weights";

// Defines the descriptor (TW_DESCRIPTOR_SYMBOL), which refers to everything else, in the module. Returns the launches in order.
std::vector<Launch> emit_entry(llvm::Module& module, const Target& target, const EntryPlan& plan);

} // namespace tw::codegen
