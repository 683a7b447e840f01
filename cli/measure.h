// SPDX-License-Identifier: Apache-2.0
// Measuring runs: a warm-up, then runs until both a number and a time are reached; medians and quantiles, never means.
#pragma once

#include "cli/model.h"

namespace tw::cli {

struct MeasureOptions {
  int runs = 10, warm_up = 3;
  double seconds = 1;
  void declare(CLI::App& app);
};

class Samples {
public:
  void add(double seconds) { values_.push_back(seconds); }
  size_t size() const { return values_.size(); }
  // 0.5 is the median; between two samples by linear interpolation. Contract: there is a sample.
  double quantile(double q) const;

private:
  std::vector<double> values_;
};

// `after` is called after each measured run, with its seconds.
Samples measure_runs(Runner& runner, const NamedTensors& inputs, const MeasureOptions& options,
                     const std::function<void(double)>& after = {});

} // namespace tw::cli
