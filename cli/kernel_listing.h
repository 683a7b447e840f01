// SPDX-License-Identifier: Apache-2.0
// The machine code of kernels beside what a profile measured of them.
#pragma once

#include "cli/profile_report.h"
#include "compile/compile.h"

namespace tw::cli {

// One kernel with all its launches.
struct KernelListing {
  std::string kernel;
  std::vector<std::string> origins; // of each launch
  double seconds = 0, roof_seconds = 0, share = 0;
  codegen::Assembly assembly;

  double roof_percent() const { return seconds > 0 ? roof_seconds / seconds * 100 : 0; }
};

// Those in whose name or model's nodes the text occurs, the slowest first; the slowest of all where the text is empty.
std::vector<KernelListing> list_kernels(const ProfileReport& report, const compile::CompiledModule& compiled, const std::string& wanted);

std::string to_text(const std::vector<KernelListing>& listings);
Json to_json(const std::vector<KernelListing>& listings);

} // namespace tw::cli
