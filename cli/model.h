// SPDX-License-Identifier: Apache-2.0
// The model that a command works on: an exported file goes to the runtime as it is; anything else is compiled first.
#pragma once

#include "cli/command.h"
#include "cli/host_tensor.h"
#include "compile/compile.h"

#include <optional>

namespace tw::cli {

// Options that commands share; `declare` adds them to a subcommand.
struct ModelOptions {
  std::string path, target = "native";
  int threads = 0;
  std::vector<std::string> dims, disable; // "batch=4"
  bool no_cache = false, exact = false;

  void declare(CLI::App& app);
  std::map<std::string, int64_t> sizes() const;
  compile::Options compile_options() const;
};

struct InputOptions {
  std::vector<std::string> files; // "x=photo.npy", "inputs.npz"
  uint64_t seed = 0;
  void declare(CLI::App& app);
};

// Is it a file that the runtime loads, by its content?
bool is_exported(const std::filesystem::path& path);

class LoadedModel {
public:
  explicit LoadedModel(const ModelOptions& options);
  explicit LoadedModel(compile::CompiledModule compiled);
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;

  const tw_module_descriptor& descriptor() const { return *tw_module_describe(module_); }
  const std::optional<compile::CompiledModule>& compiled() const { return compiled_; }
  tw_module* module() const { return module_; }

private:
  std::optional<compile::CompiledModule> compiled_;
  tw_module* module_ = nullptr;
};

// One session; outputs are copied out of it on demand.
class Runner {
public:
  Runner(const LoadedModel& model, int threads, bool profile);
  ~Runner();
  Runner(const Runner&) = delete;

  void run(const NamedTensors& inputs);
  NamedTensors outputs() const; // of the last run
  tw_session* session() const { return session_; }

private:
  const tw_module_descriptor& descriptor_;
  tw_session* session_ = nullptr;
  std::vector<tw_tensor> outputs_;
};

// The smallest legal size that is not zero.
int64_t smallest_size(const tw_symbol& symbol);
// Inputs in the model's order: from the files, the rest made up. Floats are normal numbers, integers 0 or 1, and masks (by name) all ones;
// sizes that are not given by files or `sizes` are the smallest legal ones above zero.
NamedTensors make_inputs(const tw_module_descriptor& module, const InputOptions& options, const std::map<std::string, int64_t>& sizes);

// Turns a status of the C interface into an Error.
void check_status(tw_status status);

Json port_json(const tw_port& port, const tw_symbol* symbols);
std::string port_type(const tw_port& port, const tw_symbol* symbols);

} // namespace tw::cli
