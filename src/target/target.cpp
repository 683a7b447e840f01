// SPDX-License-Identifier: Apache-2.0
#include "target/target.h"

#include "base/diagnostics.h"
#include "target/calibration.h"
#include "target/host.h"

#include <algorithm>
#include <vector>

namespace tw {
namespace {

// What follows from the features alone.
void derive_from_features(Target& target) {
  bool wide = target.has("avx512f");
  target.vector_bytes = wide ? 64 : target.has("avx") ? 32 : 16;
  target.vector_registers = wide ? 32 : 16;
}

// Caches and ports of a typical machine of a level, fixed so that a compile for it gives the same code everywhere.
Target generic_target(std::string_view level, FeatureSet features) {
  Target target;
  target.features = std::move(features);
  derive_from_features(target);
  if (level == "x86-64-v4") {
    target.l1_bytes = 48 << 10;
    target.l1_ways = 12;
    target.l2_bytes = 1 << 20;
    target.gigahertz = 2.6;
  }
  return target;
}

std::string known_features() {
  std::vector<std::string_view> names;
  for (const Feature& feature : feature_table()) names.push_back(feature.name);
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ", "));
}

// The base's name ends at a sign or comma after it; since names hold dashes themselves, the known ones are tried, longest first.
size_t end_of_base(std::string_view text) {
  for (std::string_view base : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64", "native"}) {
    if (!text.starts_with(base)) continue;
    std::string_view rest = text.substr(base.size());
    bool unknown_level = rest.size() == 3 && rest.starts_with("-v"); // x86-64-v9
    if (rest.empty() || (std::string_view("+-,").find(rest[0]) != std::string_view::npos && !unknown_level)) return base.size();
  }
  return std::string_view::npos;
}

void apply_changes(FeatureSet& features, std::string_view changes, std::string_view text) {
  while (!changes.empty()) {
    if (changes.front() == ',') changes.remove_prefix(1);
    if (changes.empty() || (changes.front() != '+' && changes.front() != '-'))
      throw user_error("target '{}': expected '+feature' or '-feature' before '{}'", text, changes);
    bool add = changes.front() == '+';
    size_t end = std::min(changes.find_first_of("+-,", 1), changes.size());
    std::string_view name = changes.substr(1, end - 1);
    if (!find_feature(name)) throw user_error("target '{}': unknown feature '{}'", text, name).hint("known features: " + known_features());
    add ? add_feature(features, name) : remove_feature(features, name);
    changes.remove_prefix(end);
  }
}

} // namespace

FeatureSet parse_features(std::string_view text) {
  size_t end = end_of_base(text);
  if (end == std::string_view::npos)
    throw user_error("unknown target '{}'", text)
        .hint("known targets: native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4, each with changes such as x86-64-v3+avx512f or native-fma");
  std::string_view base = text.substr(0, end), changes = text.substr(end);
  FeatureSet features = base == "native" ? host_features() : *level_features(base);
  apply_changes(features, changes, text);
  if (!features.contains("sse2")) throw user_error("target '{}': sse2 cannot be removed, it is part of every x86-64 machine", text);
  return features;
}

Target parse_target(std::string_view text) {
  FeatureSet features = parse_features(text);
  std::string_view base = text.substr(0, end_of_base(text));
  Target target = base == "native" ? native_target_with(features) : generic_target(base, std::move(features));
  target.name = text;
  return target;
}

Target native_target_with(const FeatureSet& features) {
  Target target = host_hardware();
  target.features = features;
  derive_from_features(target);
  StoredCalibration stored = read_calibration();
  if (stored.calibration) apply_calibration(target, *stored.calibration);
  target.calibration_problem = std::move(stored.problem);
  return target;
}

Target native_target() { return native_target_with(host_features()); }

FeatureSet missing_on_host(const Target& target) {
  FeatureSet missing;
  std::ranges::set_difference(target.features, host_features(), std::inserter(missing, missing.end()));
  return missing;
}

} // namespace tw
