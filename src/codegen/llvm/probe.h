// SPDX-License-Identifier: Apache-2.0
// Loops that show what a core can do and nothing else: multiply-adds in registers, reading, copying, a chain of dependent operations. Made
// for a target, run on this machine. Used by calibration and by measurements of kernels.
#pragma once

#include "codegen/llvm/jit.h"

#include <cstdint>

namespace tw::codegen {

class Probe {
public:
  explicit Probe(const Target& target);

  // Some microseconds of multiply-adds of whole float32 vectors; separate multiplications and additions where the target has no fused ones.
  void multiply_add() const;
  double multiply_add_flops() const;
  // Some microseconds of multiplications of integers, each waiting for the one before; so many cycles on every x86-64 of the last decade.
  void chain() const;
  static constexpr double chain_cycles = 3 * 16384;
  // All bytes from `data` on, in several streams; `bytes` is a multiple of `granule`. `ahead`: asked for so many bytes before their use.
  void read(const std::byte* data, int64_t bytes, bool ahead) const;
  // The same from one place to another; `past_caches`: written without reading the lines first.
  void copy(const std::byte* from, std::byte* to, int64_t bytes, bool past_caches) const;
  static constexpr int64_t granule = 4096;

private:
  int lanes_;
  JitCode code_;
};

} // namespace tw::codegen
