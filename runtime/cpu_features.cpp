// SPDX-License-Identifier: Apache-2.0
// One table: a feature is a bit of a register that the cpuid instruction returns, and the registers' state that the system must save when
// it switches threads (asked by xgetbv). A feature whose state is not saved is treated as absent: using it would fault.
#include "runtime/cpu_features.h"

#include <array>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tw::runtime {
namespace {

#if defined(__x86_64__)

using enum FeatureRegister;
// Bits of extended control register 0.
constexpr uint64_t plain = 0, avx_state = 0x6, avx512_state = 0xe6, tile_state = 0x60000;

constexpr CpuFeature features[] = {
    {"sse", 1, 0, edx, 25, plain},
    {"sse2", 1, 0, edx, 26, plain},
    {"pni", 1, 0, ecx, 0, plain},
    {"pclmulqdq", 1, 0, ecx, 1, plain},
    {"ssse3", 1, 0, ecx, 9, plain},
    {"fma", 1, 0, ecx, 12, avx_state},
    {"cx16", 1, 0, ecx, 13, plain},
    {"sse4_1", 1, 0, ecx, 19, plain},
    {"sse4_2", 1, 0, ecx, 20, plain},
    {"movbe", 1, 0, ecx, 22, plain},
    {"popcnt", 1, 0, ecx, 23, plain},
    {"aes", 1, 0, ecx, 25, plain},
    {"xsave", 1, 0, ecx, 26, plain},
    {"avx", 1, 0, ecx, 28, avx_state},
    {"f16c", 1, 0, ecx, 29, avx_state},
    {"bmi1", 7, 0, ebx, 3, plain},
    {"avx2", 7, 0, ebx, 5, avx_state},
    {"bmi2", 7, 0, ebx, 8, plain},
    {"avx512f", 7, 0, ebx, 16, avx512_state},
    {"avx512dq", 7, 0, ebx, 17, avx512_state},
    {"avx512ifma", 7, 0, ebx, 21, avx512_state},
    {"avx512cd", 7, 0, ebx, 28, avx512_state},
    {"avx512bw", 7, 0, ebx, 30, avx512_state},
    {"avx512vl", 7, 0, ebx, 31, avx512_state},
    {"avx512vbmi", 7, 0, ecx, 1, avx512_state},
    {"avx512_vbmi2", 7, 0, ecx, 6, avx512_state},
    {"gfni", 7, 0, ecx, 8, plain},
    {"vaes", 7, 0, ecx, 9, avx_state},
    {"vpclmulqdq", 7, 0, ecx, 10, avx_state},
    {"avx512_vnni", 7, 0, ecx, 11, avx512_state},
    {"avx512_bitalg", 7, 0, ecx, 12, avx512_state},
    {"avx512_vpopcntdq", 7, 0, ecx, 14, avx512_state},
    {"amx_bf16", 7, 0, edx, 22, tile_state},
    {"avx512_fp16", 7, 0, edx, 23, avx512_state},
    {"amx_tile", 7, 0, edx, 24, tile_state},
    {"amx_int8", 7, 0, edx, 25, tile_state},
    {"avx_vnni", 7, 1, eax, 4, avx_state},
    {"avx512_bf16", 7, 1, eax, 5, avx512_state},
    {"lahf_lm", 0x80000001, 0, ecx, 0, plain},
    {"abm", 0x80000001, 0, ecx, 5, plain},
};

// The system says in cpuid (osxsave) whether xgetbv may be executed at all.
uint64_t saved_state() {
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 27 & 1) == 0) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

std::vector<std::string_view> detect() {
  std::vector<std::string_view> found;
  const uint64_t state = saved_state();
  for (const CpuFeature& feature : features) {
    uint32_t registers[4];
    if (__get_cpuid_count(feature.leaf, feature.subleaf, &registers[0], &registers[1], &registers[2], &registers[3]) == 0) continue;
    if ((registers[static_cast<int>(feature.where)] >> feature.bit & 1) != 0 && (state & feature.state) == feature.state)
      found.push_back(feature.name);
  }
  return found;
}

#else

constexpr std::array<CpuFeature, 0> features;
std::vector<std::string_view> detect() { return {}; }

#endif

bool has_feature(std::string_view name) {
  for (std::string_view feature : cpu_features())
    if (feature == name) return true;
  return false;
}

} // namespace

std::string_view machine_name() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
#error "name this processor family here"
#endif
}

std::span<const CpuFeature> cpu_feature_table() { return features; }

const std::vector<std::string_view>& cpu_features() {
  static const std::vector<std::string_view> found = detect();
  return found;
}

std::string missing_features(std::string_view list) {
  std::string missing;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (name.empty() || has_feature(name)) continue;
    if (!missing.empty()) missing += ", ";
    missing += name;
  }
  return missing;
}

} // namespace tw::runtime
