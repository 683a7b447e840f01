// SPDX-License-Identifier: Apache-2.0
// The compiler as one call: a module (from a frontend or from text) to something that runs, in this process or as a file.
#pragma once

#include "codegen/llvm/disassemble.h"
#include "compile/driver.h"
#include "tensorwright/module.h"

#include <filesystem>
#include <map>

namespace tw::compile {

struct Options {
  std::string target = "native";       // parse_target's names
  int threads = 0;                     // used while compiling; 0: one for each physical core that the process may use
  std::map<std::string, int64_t> dims; // pins symbolic dimensions of the entry function
  bool cache = true;                   // the on-disk cache, if TENSORWRIGHT_CACHE allows
  passes::PassOptions passes;
  DriverOptions driver;
};

// What is known about a kernel launch before it runs; the order is that of the run.
struct LaunchReport {
  std::string kernel, origin, shape;
  double flops = 0, bytes = 0, predicted_ns = 0;
};
struct Report {
  std::vector<PassTiming> passes;
  std::vector<Remark> remarks;
  std::vector<LaunchReport> launches;
  double total_seconds = 0;   // passes, code, weights
  double code_seconds = 0;    // machine code: made or found on disk, and loaded
  double weights_seconds = 0; // the constants, brought to where the code reads them
  int64_t arena_bytes = 0;    // of values whose sizes are constants; those of symbolic sizes come on top in each run
  int64_t live_bytes = 0;     // the most that the arena's values need at once
  int64_t weight_bytes = 0, code_bytes = 0, kernels = 0, kernels_cached = 0;
};

// Holds the machine code, the constants and the descriptor. Immutable; shared by sessions.
class CompiledModule {
public:
  // For running in this process: counts one use; release with tw_module_release.
  tw_module* runtime_module() const;
  const tw_module_descriptor& descriptor() const;
  const Report& report() const;
  // The module after all passes.
  const Ref<Module>& lowered() const;
  // The machine code of a kernel, by its name in the report's launches. Throws user errors.
  codegen::Assembly assembly(const std::string& kernel) const;
  // One self-contained shared library, written aside and renamed.
  void save(const std::filesystem::path& path) const;

  struct State;
  explicit CompiledModule(std::shared_ptr<State> state) : state_(std::move(state)) {}

private:
  std::shared_ptr<State> state_;
};

// `function` is the entry. Throws Error: user (bad model, bad options), unsupported, internal.
CompiledModule compile(const Ref<Module>& module, const Options& options = {}, Name function = "main");

// A model file of any known format, found from its content, as a Module of stage `imported`.
Ref<Module> load_model(const std::filesystem::path& path);

} // namespace tw::compile
