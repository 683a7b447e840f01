// SPDX-License-Identifier: Apache-2.0
#include "cli/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tw::cli {

void MeasureOptions::declare(CLI::App& app) {
  app.add_option("--runs", runs, "measure at least this many runs")->check(number_between(1, 1e6))->capture_default_str();
  app.add_option("--seconds", seconds, "measure for at least this long")->check(number_between(0, 86400))->capture_default_str();
  app.add_option("--warm-up", warm_up, "runs before that are not measured")->check(number_between(0, 1e6))->capture_default_str();
}

double Samples::quantile(double q) const {
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const double above = sorted[std::min(below + 1, sorted.size() - 1)];
  return sorted[below] + (place - std::floor(place)) * (above - sorted[below]);
}

Samples measure_runs(Runner& runner, const NamedTensors& inputs, const MeasureOptions& options, const std::function<void(double)>& after) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  Progress progress("measuring");
  for (int i = 0; i < options.warm_up; ++i) runner.run(inputs);
  Samples samples;
  const auto begin = Clock::now();
  while (samples.size() < static_cast<size_t>(options.runs) || since(begin) < options.seconds) {
    const auto start = Clock::now();
    runner.run(inputs);
    const double seconds = since(start);
    samples.add(seconds);
    if (after) after(seconds);
  }
  return samples;
}

} // namespace tw::cli
