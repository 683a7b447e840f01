// SPDX-License-Identifier: Apache-2.0
// Runs a pipeline: one loop that names, times, disables, verifies, prints and dumps every pass.
#pragma once

#include "passes/pass.h"

#include <functional>
#include <set>

namespace tw::compile {

struct PassTiming {
  std::string name;
  double seconds = 0;
  bool changed = false;
};

struct DriverOptions {
  std::set<std::string> disable;     // by name; unknown names are the user's mistake
  std::set<std::string> print_after; // "all" or names
  std::string stop_after;
  std::string dump_folder; // numbered files, one for each pass that changed something
  bool verify = false;     // after every pass that changed something; TENSORWRIGHT_VERIFY=1 asks for it everywhere
  std::function<void(const std::string& pass, const Ref<Module>&)> print; // gets what print_after asks for
};

using Pipeline = std::vector<const passes::Pass*>;

// Errors gain the pass's name.
Ref<Module> run_pipeline(const Pipeline& pipeline, const Ref<Module>& module, passes::PassContext& context, const DriverOptions& options,
                         std::vector<PassTiming>& timings);

} // namespace tw::compile
