// SPDX-License-Identifier: Apache-2.0
// The machine that runs the compiler: features by cpuid (masked by what the system saves on a context switch), the core's family by its
// model number, caches and sibling threads from sysfs, the clock from sysfs or cpuid.
#include "target/host.h"
#include "base/diagnostics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>

#include <sched.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace tw {
namespace {

std::optional<std::string> read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::optional<int64_t> read_number(const std::string& path) {
  auto line = read_line(path);
  if (!line) return std::nullopt;
  int64_t value = 0;
  auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), value);
  if (error != std::errc()) return std::nullopt;
  char unit = end < line->data() + line->size() ? *end : ' ';
  return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

// CPUs of the affinity mask.
std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (int size = 1024; size <= 1 << 20; size *= 2) { // the mask of a large machine does not fit the default one
    cpu_set_t* mask = CPU_ALLOC(size);
    size_t bytes = CPU_ALLOC_SIZE(size);
    bool read = sched_getaffinity(0, bytes, mask) == 0;
    for (int cpu = 0; read && cpu < size; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, mask)) cpus.push_back(cpu);
    CPU_FREE(mask);
    if (read) break;
  }
  return cpus;
}

void read_caches(Target& target, int cpu) {
  for (int index = 0; index < 8; ++index) {
    std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/cache/index{}/", cpu, index);
    auto level = read_number(folder + "level"), bytes = read_number(folder + "size");
    auto type = read_line(folder + "type");
    if (!level || !bytes || !type || *type == "Instruction") continue;
    if (*level == 1) {
      target.l1_bytes = *bytes;
      target.l1_ways = static_cast<int>(read_number(folder + "ways_of_associativity").value_or(target.l1_ways));
    }
    if (*level == 2) target.l2_bytes = *bytes;
    if (*level == 3) target.l3_bytes = *bytes;
  }
}

int count_cores(const std::vector<int>& cpus) {
  std::set<std::string> siblings; // one entry for each physical core
  for (int cpu : cpus) {
    auto list = read_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    siblings.insert(list.value_or(std::to_string(cpu)));
  }
  return std::max<int>(1, static_cast<int>(siblings.size()));
}

#ifdef __x86_64__
using Registers = std::array<uint32_t, 4>; // indexed by CpuidRegister

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
  if (__get_cpuid_max(leaf & 0x80000000u, nullptr) < leaf) return r;
  __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
  return r;
}

bool bit(uint32_t value, int index) { return value >> index & 1; }

// Bits of XCR0 for each SavedState: SSE and AVX; opmask and the ZMM halves; tile configuration and data.
bool system_saves(SavedState state) {
  if (state == SavedState::sse) return true;
  if (!bit(cpuid(1, 0)[2], 27)) return false; // OSXSAVE
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  uint32_t needed = state == SavedState::avx ? 0x6 : state == SavedState::avx512 ? 0xe6 : 0x60000;
  return (low & needed) == needed;
}

FeatureSet read_features() {
  FeatureSet set;
  for (const Feature& feature : feature_table()) {
    bool present = bit(cpuid(feature.leaf, feature.subleaf)[static_cast<int>(feature.reg)], feature.bit);
    if (present && system_saves(feature.state)) set.emplace(feature.name);
  }
  // A hypervisor may hide a feature but not those that need it.
  for (const Feature& feature : feature_table())
    if (!set.contains(feature.name)) remove_feature(set, feature.name);
  return set;
}

struct Core {
  bool intel;
  int family, model_low, model_high;
  std::string_view name;
  int wide_fma_ports; // 512 bits; 1 where two narrow units work together
};

// Only cores whose scheduling differs; others are generic.
constexpr Core cores[] = {
    {true, 6, 0x3c, 0x3f, "haswell", 0},        {true, 6, 0x45, 0x46, "haswell", 0},        {true, 6, 0x4e, 0x4e, "skylake", 0},
    {true, 6, 0x5e, 0x5e, "skylake", 0},        {true, 6, 0x8e, 0x8e, "skylake", 0},        {true, 6, 0x9e, 0x9e, "skylake", 0},
    {true, 6, 0x55, 0x55, "skylake-avx512", 2}, {true, 6, 0x6a, 0x6c, "icelake-server", 2}, {true, 6, 0x7d, 0x7e, "icelake-client", 1},
    {true, 6, 0x8c, 0x8d, "tigerlake", 1},      {true, 6, 0xa7, 0xa7, "rocketlake", 1},     {true, 6, 0x8f, 0x8f, "sapphirerapids", 2},
    {true, 6, 0xcf, 0xcf, "sapphirerapids", 2}, {true, 6, 0xad, 0xae, "graniterapids", 2},  {true, 6, 0x97, 0x9a, "alderlake", 0},
    {true, 6, 0xb7, 0xbf, "alderlake", 0},      {false, 0x17, 0x00, 0x2f, "znver1", 0},     {false, 0x17, 0x30, 0xff, "znver2", 0},
    {false, 0x19, 0x00, 0x0f, "znver3", 0},     {false, 0x19, 0x20, 0x5f, "znver3", 0},     {false, 0x19, 0x10, 0x1f, "znver4", 1},
    {false, 0x19, 0x60, 0xff, "znver4", 1},     {false, 0x1a, 0x00, 0xff, "znver4", 2},
};

void identify_core(Target& target) {
  Registers vendor = cpuid(0, 0);
  bool intel = vendor[1] == 0x756e6547, amd = vendor[1] == 0x68747541; // "Genu", "Auth"
  uint32_t signature = cpuid(1, 0)[0];
  int family = signature >> 8 & 0xf, model = signature >> 4 & 0xf;
  if (family == 6 || family == 15) model |= signature >> 12 & 0xf0;
  if (family == 15) family += signature >> 20 & 0xff;
  for (const Core& core : cores) {
    if ((core.intel ? intel : amd) && core.family == family && model >= core.model_low && model <= core.model_high) {
      target.microarchitecture = core.name;
      if (core.wide_fma_ports && target.has("avx512f")) target.fma_ports = core.wide_fma_ports;
      return;
    }
  }
}

double host_gigahertz() {
  if (auto kilohertz = read_number("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")) return static_cast<double>(*kilohertz) / 1e6;
  Registers frequency = cpuid(0x16, 0); // megahertz: base, maximum; zero under many hypervisors
  if (frequency[0]) return (frequency[0] + std::max(frequency[0], frequency[1])) / 2000.0;
  return Target{}.gigahertz;
}
#endif

} // namespace

#ifdef __x86_64__
const FeatureSet& host_features() {
  static const FeatureSet features = read_features();
  return features;
}

const Target& host_hardware() {
  static const Target host = [] {
    Target target = {.name = "native"};
    target.features = host_features();
    identify_core(target);
    target.gigahertz = host_gigahertz();
    std::vector<int> cpus = allowed_cpus();
    read_caches(target, cpus.empty() ? 0 : cpus.front());
    target.cores = count_cores(cpus);
    return target;
  }();
  return host;
}

// Three leaves of sixteen characters, filled up with zeros and often with spaces in front.
std::string processor_name() {
  std::string name;
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf)
    for (uint32_t word : cpuid(leaf, 0))
      for (int byte = 0; byte < 4; ++byte)
        if (char c = static_cast<char>(word >> 8 * byte)) name += c;
  size_t first = name.find_first_not_of(' '), last = name.find_last_not_of(' ');
  return first == name.npos ? "x86-64" : name.substr(first, last - first + 1);
}
#else
namespace {
Error no_host() {
  return unsupported("the compiler does not know this machine yet: only x86-64 is native")
      .hint("name a target explicitly, for example x86-64-v3, to compile for another machine");
}
} // namespace
const FeatureSet& host_features() { throw no_host(); }
const Target& host_hardware() { throw no_host(); }
std::string processor_name() { return "unknown"; }
#endif

int count_host_cores() { return count_cores(allowed_cpus()); }

} // namespace tw
