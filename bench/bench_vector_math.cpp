// SPDX-License-Identifier: Apache-2.0
// Errors and costs of the vector math functions over every float32. It prints docs/vector-math.md:
//
//   bench_vector_math > docs/vector-math.md          (half an hour on two cores)
//   bench_vector_math [--function NAME] [--stride N] [--threads N]
//
// All 2^32 bit patterns (or every Nth) go through code for three targets; the reference is the C library in double. Cycles are those of the
// best of many passes over 2048 elements in L1, at the clock that an addition chain shows in the same run.
#include "codegen_llvm/ulp.h"

#include "base/diagnostics.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

using namespace tw;
using namespace tw::codegen;

namespace {

struct Worst {
  double ulp = 0;
  float x = 0;
  int64_t wrong_sign = 0; // zeros and other results with the wrong sign
};

constexpr int block = 1 << 14;

void scan_block(const std::vector<CompiledFunction>& codes, const MathFunction& function, uint64_t first, uint64_t stride,
                std::vector<Worst>& worst) {
  alignas(64) static thread_local float x[block], y[block];
  static thread_local double exact[block];
  MathReference reference = math_reference(function);
  for (int i = 0; i < block; ++i) {
    x[i] = std::bit_cast<float>(static_cast<uint32_t>(first + i * stride));
    exact[i] = reference(x[i]);
  }
  for (size_t c = 0; c < codes.size(); ++c) {
    codes[c](x, y, block);
    for (int i = 0; i < block; ++i) {
      // The common case, a correctly rounded result, costs no division; its error is counted as half a unit.
      double error = y[i] == static_cast<float>(exact[i]) ? 0.5 : ulp_error(y[i], exact[i], function.of_argument ? x[i] : 0);
      if (error > worst[c].ulp) worst[c].ulp = error, worst[c].x = x[i];
      if (!std::isnan(exact[i]) && std::signbit(y[i]) != std::signbit(exact[i])) ++worst[c].wrong_sign;
    }
  }
}

std::vector<Worst> scan(const std::vector<CompiledFunction>& codes, const MathFunction& function, uint64_t stride, int threads) {
  std::vector<Worst> worst(codes.size());
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  auto work = [&] {
    std::vector<Worst> mine(codes.size());
    for (uint64_t first; (first = next.fetch_add(block * stride)) < (uint64_t{1} << 32);) scan_block(codes, function, first, stride, mine);
    std::lock_guard lock(mutex);
    for (size_t c = 0; c < mine.size(); ++c) {
      if (mine[c].ulp > worst[c].ulp) worst[c].ulp = mine[c].ulp, worst[c].x = mine[c].x;
      worst[c].wrong_sign += mine[c].wrong_sign;
    }
  };
  std::vector<std::jthread> pool;
  for (int i = 0; i < threads; ++i) pool.emplace_back(work);
  pool.clear();
  return worst;
}

double seconds_of(auto&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Seconds of one cycle: a chain of dependent additions, one cycle each.
double cycle_seconds() {
  double best = 1;
  for (int round = 0; round < 50; ++round) {
    uint64_t sum = 1, step = static_cast<uint64_t>(round) | 1;
    best = std::min(best, seconds_of([&] {
                      for (int i = 0; i < 100000; ++i) __asm__ volatile("add %1, %0" : "+r"(sum) : "r"(step));
                    }));
  }
  return best / 100000;
}

double cycles_an_element(const CompiledFunction& code) {
  constexpr int count = 2048;
  alignas(64) static float x[count], y[count];
  for (int i = 0; i < count; ++i) x[i] = 0.1f + 0.004f * static_cast<float>(i);
  double best = 1, cycle = cycle_seconds();
  for (int round = 0; round < 300; ++round) best = std::min(best, seconds_of([&] { code(x, y, count); }));
  return best / cycle / count;
}

void report(const MathFunction& function, uint64_t stride, int threads) {
  std::vector<CompiledFunction> codes;
  codes.emplace_back(function, parse_target("native-avx512f"), 8);
  codes.emplace_back(function, parse_target("x86-64-v2"), 4);
  if (native_target().has("avx512f")) codes.emplace_back(function, native_target(), 16);
  auto worst = scan(codes, function, stride, threads);
  std::printf("| %s |", std::string(function.name).c_str());
  for (size_t c = 0; c < codes.size(); ++c)
    std::printf(" %.3f at %a%s |", worst[c].ulp, worst[c].x, worst[c].wrong_sign ? " (wrong sign)" : "");
  for (const auto& code : codes) std::printf(" %.2f |", cycles_an_element(code));
  std::puts("");
  std::fflush(stdout);
}

constexpr const char* introduction = R"(<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Printed by bench_vector_math; do not edit. -->
# Elementary functions of float32

Largest error of the vector code that the compiler emits, in units in the last place (ULP), over every float32 argument ("every Nth" if the
command said so), against the C library in double; the argument at which it occurs; and cycles an element in L1, measured in the same run.

    ninja -C build bench_vector_math && build/bench/bench_vector_math > docs/vector-math.md

- 0.500 means correctly rounded everywhere, up to double rounding of the reference.
- NaN gives NaN. Infinities, signs of zeros, overflow and underflow are those of the C library; results underflow gradually, one rounding.
- Results depend on the target's multiply-add (fused or not), not on the vector width: AVX2 and AVX-512 agree to the bit, and a value does not depend on its place
  in a vector.
- pow is computed by way of double, within 0.51 ULP, atan2 within 2.5 (tests on pairs).
- sin, cos and tan take the long way, by double, from 2^15 on, and everywhere without fused multiply-add.
- Errors of gelu and silu count in last places of their argument where that is larger than the result. exp_nonpositive is 0 below 2^-126.5.
- float64, and the functions missing here, call libm for each lane.
)";

} // namespace

int main(int argc, char** argv) try {
  std::string wanted;
  uint64_t stride = 1;
  int threads = 2;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view word = argv[i];
    if (word == "--function") wanted = argv[i + 1];
    else if (word == "--stride") stride = std::strtoull(argv[i + 1], nullptr, 10);
    else if (word == "--threads") threads = std::atoi(argv[i + 1]);
    else throw user_error("unknown option {}", word);
  }
  if (wanted.empty()) std::printf("%s\n", introduction);
  if (stride != 1) std::printf("Every %llu. argument.\n\n", static_cast<unsigned long long>(stride));
  std::puts("| function | AVX2 + FMA: worst ULP | SSE4.2 | AVX-512 | cycles an element: AVX2 | SSE4.2 | AVX-512 |");
  std::puts("| --- | --- | --- | --- | --- | --- | --- |");
  for (const MathFunction& function : math_functions())
    if (function.emit && (wanted.empty() || wanted == function.name)) report(function, stride, threads);
} catch (const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return exit_code(error.kind());
}
