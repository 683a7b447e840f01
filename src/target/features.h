// SPDX-License-Identifier: Apache-2.0
// CPU features of x86-64 as one table: the name (as the system shows it in /proc/cpuinfo), what it implies, and where cpuid reports it.
//
// A feature needs the ones it `implies`: adding it adds them, removing one removes everything that needs it. A level (x86-64-v3 …) is the
// set of features that the psABI gives it. A new feature is one row in features.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace tw {

// Register state that the operating system must save for a feature to be usable.
enum class SavedState : uint8_t { sse, avx, avx512, amx };
enum class CpuidRegister : uint8_t { eax, ebx, ecx, edx };

struct Feature {
  std::string_view name;
  std::string_view implies; // separated by spaces
  SavedState state;
  uint32_t leaf, subleaf;
  CpuidRegister reg;
  uint8_t bit;
};

std::span<const Feature> feature_table();
const Feature* find_feature(std::string_view name);

// Sorted by name, so that two equal sets print alike.
using FeatureSet = std::set<std::string, std::less<>>;

// Contract: `name` is in the table.
void add_feature(FeatureSet& features, std::string_view name);
void remove_feature(FeatureSet& features, std::string_view name);

// The features of "x86-64", "x86-64-v2", "x86-64-v3" or "x86-64-v4"; nothing for other names.
std::optional<FeatureSet> level_features(std::string_view level);

// "avx,avx2,fma", the form that a compiled module carries.
std::string join_features(const FeatureSet& features);

} // namespace tw
