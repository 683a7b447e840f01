// SPDX-License-Identifier: Apache-2.0
// The barrier of one run. Each thread counts its arrivals in a signal of its own and waits for the signals of all others, so nobody writes
// to a line that another one writes: with both threads running that costs about as much as one line's way between two cores.
// A thread that leaves the run early is never waited for again.
#pragma once

#include "runtime/threads/signal.h"

#include <cstddef>
#include <vector>

namespace tw::runtime {

class Barrier {
public:
  explicit Barrier(size_t most_threads) : arrivals_(most_threads) {}

  // Before each run, by one thread.
  void reset() noexcept {
    for (Signal& arrival : arrivals_) arrival.reset();
  }

  // slow(other, Signal::Slow) is called when the wait for thread `other` takes longer than spinning.
  template <class Told> void wait(int32_t thread, int32_t threads, Told&& slow) noexcept {
    Signal& own = arrivals_[static_cast<size_t>(thread)];
    const uint64_t arrival = own.count() + 1;
    own.raise(arrival);
    for (int32_t other = 0; other < threads; ++other)
      if (other != thread) arrivals_[static_cast<size_t>(other)].wait(arrival, [&](Signal::Slow stage) { slow(other, stage); });
  }

  void leave(int32_t thread) noexcept { arrivals_[static_cast<size_t>(thread)].raise(UINT64_MAX); }

private:
  std::vector<Signal> arrivals_;
};

} // namespace tw::runtime
