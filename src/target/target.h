// SPDX-License-Identifier: Apache-2.0
// What a machine is, as plain data: instruction set, caches, cores, and the constants from which the cost model predicts times.
//
// A target is written as a name and changes to it: "native", "x86-64-v3", "x86-64-v3+avx512f", "native-avx512f". Names of features are
// those of /proc/cpuinfo. Nothing here generates code; codegen translates the features for its back end.
#pragma once

#include "target/features.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace tw {

// Constants of the cost model. The defaults hold for a recent x86-64 server core; a calibration (calibration.h) replaces those it measures.
struct CostConstants {
  double l1_bytes_per_cycle = 64, l2_bytes_per_cycle = 32, l3_bytes_per_cycle = 10;    // read by one core
  double memory_gigabytes = 21, memory_gigabytes_all_cores = 27;                       // per second
  double exp_cycles = 1.1, gelu_cycles = 1.5, divide_cycles = 0.7, plain_cycles = 0.2; // an element, AVX2
  double tile_call_ns = 5, kernel_entry_ns = 30, barrier_ns = 300, wake_ns = 15000;
  double all_cores_pace = 1; // a core's multiply-adds while all work, over those of one that works alone
};

struct Target {
  std::string name;               // as the user wrote it
  std::string machine = "x86_64"; // as `uname -m` says
  std::string microarchitecture;  // "sapphirerapids", "znver3" …; empty when not known or not meant: schedule for all
  FeatureSet features;

  int vector_bytes = 16;
  int vector_registers = 16;
  int fma_ports = 2;      // units for whole-width multiply-add (or multiply and add, without FMA)
  int fma_latency = 4;    // cycles
  int load_ports = 2;     // whole-width loads a cycle
  double gigahertz = 3.0; // an estimate of the sustained clock

  int64_t l1_bytes = 32 << 10, l2_bytes = 512 << 10; // of one core
  int64_t l3_bytes = 16 << 20;                       // shared
  int l1_ways = 8;
  int cores = 4; // physical cores that the process may use
  CostConstants cost;
  bool calibrated = false;         // `cost` and the clock were measured on this machine
  std::string calibration_problem; // why its calibration is ignored, in words for the user

  bool has(std::string_view feature) const { return features.contains(feature); }
  bool has_fma() const { return has("fma"); }
  int lanes(int element_bytes) const { return vector_bytes / element_bytes; }
};

// Refuses unknown names and features with the list of known ones.
Target parse_target(std::string_view text);
// Only what code for the target may use.
FeatureSet parse_features(std::string_view text);

// This machine: cpuid, what the system tells about caches and cores, and its calibration if there is one. Fails on machines that are not
// x86-64.
Target native_target();
// This machine running code that was made for these features: the roofs of such code.
Target native_target_with(const FeatureSet& features);

// "Intel(R) Xeon(R) Platinum 8481C", as the processor calls itself.
std::string processor_name();
// Physical cores that this process may use.
int count_host_cores();

// Features that `target` has and this machine has not: code for it would not run here. Sorted.
FeatureSet missing_on_host(const Target& target);

} // namespace tw
