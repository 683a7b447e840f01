// SPDX-License-Identifier: Apache-2.0
// A measured profile as table, JSON and a page that needs nothing but itself.
#pragma once

#include "cli/measure.h"

namespace tw::cli {

// What a machine can do at most: multiply-adds at the vector units' pace, measured between the runs, bytes at the pace of the smallest
// cache that holds them.
struct Roof {
  struct Level {
    double bytes, bytes_per_second;
  };
  double flops_per_second = 0;
  std::vector<Level> levels; // the smallest first; the last one is memory and holds everything
  bool calibrated = false;   // the levels were measured, and do not come from the processor's name
  double memory_seconds(double bytes) const;
  double memory_gigabytes() const { return levels.empty() ? 0 : levels.back().bytes_per_second * 1e-9; }
};
// Of this machine with so many threads, for code with the instructions of the target; with multiply-adds as the target has them.
Roof roof_of(const std::string& target, int threads);

struct LaunchProfile {
  std::string kernel, origin, shape;
  double seconds = 0, best_seconds = 0; // the median and the least over the runs
  double predicted_seconds = 0, flops = 0, bytes = 0;
  double possible_flops = 0; // in the time that it took, at the pace around each run: the median over the runs
  double memory_seconds = 0; // that its bytes take at the roof

  double gflops() const { return seconds > 0 ? flops / seconds * 1e-9 : 0; }
  double gigabytes() const { return seconds > 0 ? bytes / seconds * 1e-9 : 0; }
  double roof_percent() const {
    return seconds > 0 ? 100 * std::max(memory_seconds / seconds, possible_flops > 0 ? flops / possible_flops : 0) : 0;
  }
};

struct ProfileReport {
  std::string model, target;
  int threads = 0;
  int64_t runs = 0;
  double seconds = 0; // of a whole run
  Roof roof;
  std::vector<LaunchProfile> launches;

  double launch_seconds() const;
};

std::string to_table(const ProfileReport& report);
Json to_json(const ProfileReport& report);
std::string to_html(const ProfileReport& report);
// The chart alone, of the slowest kernels.
std::string to_svg(const ProfileReport& report);
void write_text(const std::string& text, const std::filesystem::path& path);

} // namespace tw::cli
