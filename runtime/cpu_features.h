// SPDX-License-Identifier: Apache-2.0
// Which instructions this processor has and this system lets programs use, by the names of /proc/cpuinfo.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tw::runtime {

// "x86_64", "aarch64": what module files call the processor family of this process.
std::string_view machine_name();

// Where cpuid reports a feature, and the state of extended control register 0 that it needs. The compiler has a table of its own
// (src/target/features.cpp): the runtime builds without it. A test holds that they agree.
enum class FeatureRegister { eax, ebx, ecx, edx };
struct CpuFeature {
  std::string_view name;
  uint32_t leaf, subleaf;
  FeatureRegister where;
  int bit;
  uint64_t state;
};
std::span<const CpuFeature> cpu_feature_table();

// The features of this machine, in the table's order.
const std::vector<std::string_view>& cpu_features();

// The entries of a list "avx2,fma" that this machine lacks, separated by ", "; empty: all are there.
std::string missing_features(std::string_view list);

} // namespace tw::runtime
