// SPDX-License-Identifier: Apache-2.0
#include "compile/pace.h"

#include <chrono>

namespace tw::compile {

double Pace::flops_per_second(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  double passed = 0, flops = 0;
  do {
    probe_.multiply_add();
    flops += probe_.multiply_add_flops();
    passed = std::chrono::duration<double>(Clock::now() - start).count();
  } while (passed < seconds);
  return flops / passed;
}

} // namespace tw::compile
