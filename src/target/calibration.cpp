// SPDX-License-Identifier: Apache-2.0
#include "target/calibration.h"

#include "base/diagnostics.h"
#include "base/user_folder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include <unistd.h>

namespace tw {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view first_line = "tensorwright calibration 1";
constexpr int vector_widths[] = {16, 32, 64};

// Every line of the file: a name and a positive number. `visit` gets the name and whether the line may be missing.
void each_number(Calibration& c, const std::function<void(const std::string&, double&, bool)>& visit) {
  visit("gigahertz", c.gigahertz, false);
  for (int bytes : vector_widths) {
    Rate peak = c.peaks.contains(bytes) ? c.peaks[bytes] : Rate{};
    visit(fmt::format("peak_gflops_{}_bytes_one_core", bytes), peak.one_core, bytes != 16);
    visit(fmt::format("peak_gflops_{}_bytes_all_cores", bytes), peak.all_cores, bytes != 16);
    if (peak.one_core > 0 && peak.all_cores > 0) c.peaks[bytes] = peak;
  }
  visit("l1_gigabytes", c.l1_gigabytes, false);
  visit("l2_gigabytes", c.l2_gigabytes, false);
  visit("l3_gigabytes", c.l3_gigabytes, false);
  for (auto [name, rate] : {std::pair("read", &c.read), {"copy", &c.copy}, {"copy_past_caches", &c.copy_past_caches}}) {
    visit(fmt::format("{}_gigabytes_one_core", name), rate->one_core, false);
    visit(fmt::format("{}_gigabytes_all_cores", name), rate->all_cores, false);
  }
  visit("barrier_ns", c.barrier_ns, false);
  visit("wake_ns", c.wake_ns, false);
}

} // namespace

std::optional<fs::path> calibration_path() {
  const char* chosen = std::getenv("TENSORWRIGHT_CALIBRATION");
  if (chosen && std::string_view(chosen) == "off") return std::nullopt;
  if (chosen && *chosen) return fs::path(chosen);
  auto folder = user_cache_folder();
  if (!folder) return std::nullopt;
  std::string name;
  for (char c : processor_name()) {
    bool plain = std::isalnum(static_cast<unsigned char>(c));
    if (plain || (!name.empty() && name.back() != '-')) name += plain ? static_cast<char>(std::tolower(c)) : '-';
  }
  return *folder / fmt::format("calibration-{}-{}-cores.txt", name, count_host_cores());
}

StoredCalibration parse_calibration(std::string_view text, const std::string& name) {
  auto refused = [&](const std::string& why) {
    return StoredCalibration{
        {}, fmt::format("the calibration {} is ignored: {}; `tensorwright doctor --calibrate` makes a new one", name, why)};
  };
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != first_line) return refused(fmt::format("expected '{}' as its first line", first_line));
  std::map<std::string, double> numbers;
  while (std::getline(lines, line)) {
    size_t space = line.find(' ');
    double value = 0;
    const char* end = line.data() + line.size();
    auto [stop, error] = std::from_chars(line.data() + std::min(space, line.size()) + (space != line.npos), end, value);
    if (space == line.npos || error != std::errc() || stop != end || !(value > 0) || !std::isfinite(value))
      return refused(fmt::format("expected a name and a positive number, found '{}'", line.substr(0, 60)));
    numbers[line.substr(0, space)] = value;
  }
  Calibration out;
  std::string missing;
  each_number(out, [&](const std::string& key, double& value, bool optional) {
    if (auto found = numbers.find(key); found != numbers.end()) value = found->second;
    else if (!optional && missing.empty()) missing = key;
  });
  if (!missing.empty()) return refused(fmt::format("it has no line '{}'", missing));
  return {out, ""};
}

std::string format_calibration(const Calibration& calibration) {
  std::string out = std::string(first_line) + "\n";
  Calibration copy = calibration;
  each_number(copy, [&](const std::string& key, double& value, bool) {
    if (value > 0) out += fmt::format("{} {:.6g}\n", key, value);
  });
  return out;
}

StoredCalibration read_calibration() {
  auto path = calibration_path();
  if (!path) return {};
  std::ifstream file(*path, std::ios::binary);
  if (!file) return {};
  std::string text(1 << 14, 0); // longer than any
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_calibration(text, path->string());
}

void write_calibration(const fs::path& path, const Calibration& calibration) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  fs::path aside = path;
  aside += fmt::format(".{}.part", ::getpid());
  std::ofstream file(aside, std::ios::binary);
  file << format_calibration(calibration);
  file.close();
  if (file) fs::rename(aside, path, error);
  if (!file || error) {
    std::error_code ignored;
    fs::remove(aside, ignored);
    throw user_error("cannot write the calibration {}", path.string()).hint("TENSORWRIGHT_CALIBRATION names another file");
  }
}

void apply_calibration(Target& target, const Calibration& calibration) {
  // A target without 512-bit instructions on a machine that has them runs at the pace of its own width.
  auto found = calibration.peaks.find(target.vector_bytes);
  if (found == calibration.peaks.end()) return;
  target.calibrated = true;
  const Rate& peak = found->second;
  double flops_per_unit = 2.0 * target.lanes(4);
  target.fma_ports = std::clamp(static_cast<int>(std::lround(peak.one_core / (flops_per_unit * calibration.gigahertz))), 1, 4);
  target.gigahertz = peak.one_core / (flops_per_unit * target.fma_ports);
  CostConstants& cost = target.cost;
  cost.all_cores_pace = std::min(1.0, peak.all_cores / (peak.one_core * target.cores));
  cost.l1_bytes_per_cycle = calibration.l1_gigabytes / target.gigahertz;
  cost.l2_bytes_per_cycle = calibration.l2_gigabytes / target.gigahertz;
  cost.l3_bytes_per_cycle = calibration.l3_gigabytes / target.gigahertz;
  cost.memory_gigabytes = calibration.read.one_core;
  cost.memory_gigabytes_all_cores = calibration.read.all_cores;
  cost.barrier_ns = calibration.barrier_ns;
  cost.wake_ns = calibration.wake_ns;
}

} // namespace tw
