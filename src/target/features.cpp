// SPDX-License-Identifier: Apache-2.0
#include "target/features.h"

#include "base/diagnostics.h"

#include <algorithm>
#include <array>

namespace tw {
namespace {

using enum SavedState;
using enum CpuidRegister;

// Sources: Intel SDM volume 2 (CPUID) and AMD APM volume 3, appendix E.
constexpr auto features = std::to_array<Feature>({
    {"sse", "", sse, 1, 0, edx, 25},
    {"sse2", "sse", sse, 1, 0, edx, 26},
    {"pni", "sse2", sse, 1, 0, ecx, 0},
    {"ssse3", "pni", sse, 1, 0, ecx, 9},
    {"cx16", "", sse, 1, 0, ecx, 13},
    {"sse4_1", "ssse3", sse, 1, 0, ecx, 19},
    {"sse4_2", "sse4_1", sse, 1, 0, ecx, 20},
    {"movbe", "", sse, 1, 0, ecx, 22},
    {"popcnt", "", sse, 1, 0, ecx, 23},
    {"lahf_lm", "", sse, 0x80000001, 0, ecx, 0},
    {"abm", "", sse, 0x80000001, 0, ecx, 5},
    {"bmi1", "", sse, 7, 0, ebx, 3},
    {"bmi2", "", sse, 7, 0, ebx, 8},
    {"gfni", "sse2", sse, 7, 0, ecx, 8},
    {"xsave", "", sse, 1, 0, ecx, 26},
    {"avx", "sse4_2 xsave", avx, 1, 0, ecx, 28},
    {"fma", "avx", avx, 1, 0, ecx, 12},
    {"f16c", "avx", avx, 1, 0, ecx, 29},
    {"avx2", "avx", avx, 7, 0, ebx, 5},
    {"avx_vnni", "avx2", avx, 7, 1, eax, 4},
    {"avx512f", "avx2 fma f16c", avx512, 7, 0, ebx, 16},
    {"avx512dq", "avx512f", avx512, 7, 0, ebx, 17},
    {"avx512ifma", "avx512f", avx512, 7, 0, ebx, 21},
    {"avx512cd", "avx512f", avx512, 7, 0, ebx, 28},
    {"avx512bw", "avx512f", avx512, 7, 0, ebx, 30},
    {"avx512vl", "avx512f", avx512, 7, 0, ebx, 31},
    {"avx512vbmi", "avx512bw", avx512, 7, 0, ecx, 1},
    {"avx512_vbmi2", "avx512bw", avx512, 7, 0, ecx, 6},
    {"avx512_vnni", "avx512f", avx512, 7, 0, ecx, 11},
    {"avx512_bitalg", "avx512bw", avx512, 7, 0, ecx, 12},
    {"avx512_vpopcntdq", "avx512f", avx512, 7, 0, ecx, 14},
    {"avx512_bf16", "avx512bw", avx512, 7, 1, eax, 5},
    {"avx512_fp16", "avx512bw avx512dq avx512vl", avx512, 7, 0, edx, 23},
    {"amx_bf16", "amx_tile", amx, 7, 0, edx, 22},
    {"amx_tile", "", amx, 7, 0, edx, 24},
    {"amx_int8", "amx_tile", amx, 7, 0, edx, 25},
});

// Calls `visit` for each name of a list separated by spaces.
template <class F> void each_name(std::string_view list, F&& visit) {
  while (!list.empty()) {
    size_t end = std::min(list.find(' '), list.size());
    visit(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

bool implies(const Feature& feature, std::string_view name) {
  bool found = false;
  each_name(feature.implies, [&](std::string_view other) { found = found || other == name; });
  return found;
}

} // namespace

std::span<const Feature> feature_table() { return features; }

const Feature* find_feature(std::string_view name) {
  auto found = std::ranges::find(features, name, &Feature::name);
  return found == features.end() ? nullptr : &*found;
}

void add_feature(FeatureSet& set, std::string_view name) {
  const Feature* feature = find_feature(name);
  TW_CHECK(feature, "unknown feature {}", name);
  if (!set.emplace(name).second) return;
  each_name(feature->implies, [&](std::string_view other) { add_feature(set, other); });
}

void remove_feature(FeatureSet& set, std::string_view name) {
  TW_CHECK(find_feature(name), "unknown feature {}", name);
  if (auto found = set.find(name); found != set.end()) set.erase(found);
  for (const Feature& feature : features)
    if (implies(feature, name) && set.contains(feature.name)) remove_feature(set, feature.name);
}

std::optional<FeatureSet> level_features(std::string_view level) {
  constexpr std::pair<std::string_view, std::string_view> levels[] = {
      {"x86-64", "sse2"},
      {"x86-64-v2", "sse4_2 cx16 popcnt lahf_lm"},
      {"x86-64-v3", "avx2 fma f16c abm bmi1 bmi2 movbe"},
      {"x86-64-v4", "avx512dq avx512cd avx512bw avx512vl"},
  };
  FeatureSet set;
  for (const auto& [name, list] : levels) {
    each_name(list, [&](std::string_view feature) { add_feature(set, feature); });
    if (name == level) return set;
  }
  return std::nullopt;
}

std::string join_features(const FeatureSet& set) { return fmt::format("{}", fmt::join(set, ",")); }

} // namespace tw
