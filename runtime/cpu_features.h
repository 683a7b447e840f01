// SPDX-License-Identifier: Apache-2.0
// Which instructions this processor has and this system lets programs use, by the names of /proc/cpuinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tw::runtime {

// "x86_64", "aarch64": what module files call the processor family of this process.
std::string_view machine_name();

// The features of this machine, in the table's order.
const std::vector<std::string_view>& cpu_features();

// The entries of a list "avx2,fma" that this machine lacks, separated by ", "; empty: all are there.
std::string missing_features(std::string_view list);

} // namespace tw::runtime
