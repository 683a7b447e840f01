// SPDX-License-Identifier: Apache-2.0
// A loaded module with its sessions, safe to call from many threads: each run takes an idle session or makes one.
#pragma once

#include "bindings/runtime/tensor.h"

#include <mutex>

namespace tw::bindings {

// Seconds of the launches and of whole runs, one entry for each run.
struct Timings {
  std::vector<std::vector<double>> launches;
  std::vector<std::tuple<std::string, std::string, std::string, double, double, double>> kernels; // what each launch is
  std::vector<double> runs;
};

class Executable {
public:
  // Takes over one count of the module.
  Executable(tw_module* module, int threads);
  ~Executable();
  Executable(const Executable&) = delete;

  static std::unique_ptr<Executable> load(const std::string& path, int threads);
  // From a ModuleCapsule, which is used up.
  static std::unique_ptr<Executable> from_capsule(nanobind::handle capsule, int threads);

  const tw_module_descriptor& descriptor() const { return *tw_module_describe(module_); }
  int threads();
  // Inputs as Call takes them; outputs in the module's order, or by name.
  nanobind::list run(nanobind::handle inputs);
  nanobind::dict run_named(nanobind::handle inputs);
  Timings profile(nanobind::handle inputs, int runs, int warm_up);

private:
  class Taken;
  tw_session* make_session(bool profile);
  std::vector<Tensor> results_of(nanobind::handle inputs);

  tw_module* module_;
  int threads_;
  std::vector<nanobind::object> input_names_, output_names_; // made once: strings of Python
  std::mutex mutex_;
  std::vector<tw_session*> idle_;
};

void bind_executable(nanobind::module_& module);

} // namespace tw::bindings
