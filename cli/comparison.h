// SPDX-License-Identifier: Apache-2.0
// Outputs beside those that are right.
#pragma once

#include "cli/model.h"

namespace tw::cli {

// How the results of a module differ from others; largest difference over the output's largest magnitude.
class Comparison {
public:
  // Both in the model's order. Other floats than the model's are as good: a reference may be wider.
  Comparison(const NamedTensors& ours, const NamedTensors& theirs, double tolerance);

  bool same() const { return same_; }
  std::string table() const { return table_; }
  const Json& json() const { return list_; }

private:
  bool same_ = true;
  std::string table_;
  Json list_ = Json::array();
};

inline constexpr double default_tolerance = 1e-4;

// What `--check` does: the model on inputs made up from the seed, against compile/float64.h. Prints, fills output.result["check"], and
// gives the exit code.
int check_against_float64(const ModelOptions& options, const LoadedModel& model, const InputOptions& inputs, Output& output);
// The option; what it points to is set when the arguments are read.
std::shared_ptr<bool> declare_check(CLI::App& app);
// An error if there is nothing but machine code.
void require_model_file(const ModelOptions& options);

} // namespace tw::cli
