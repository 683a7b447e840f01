// SPDX-License-Identifier: Apache-2.0
// A counter that one thread raises and others wait for: the one primitive below barriers, the pool and its parked workers.
//
// A waiter first spins (tens of nanoseconds when both run), for some 200 µs; then it sleeps in the system (futex), so that whoever shares
// its core can run. The parts of a kernel mostly end within that time of each other, and to wake a sleeper takes 50 µs on a virtual
// machine, whose host takes a core that sleeps, at each of a hundred barriers. No waiter spins without end, and a thread that parks
// sleeps at once. The one who raises pays for a system call only when somebody sleeps. No waiter yields (sched_yield): to the system that
// is a thread which forgoes its turn, and beside a busy process it stays away for a whole time slice although the awaited thread comes in
// microseconds, then makes that one wait in turn; a sleeper keeps its claim.
//
// Why no wake-up is lost: the waiter announces itself in `sleepers_` and then looks at the counter again; the raiser writes the counter and
// then looks at `sleepers_`. All four are sequentially consistent, so at least one of them sees the other; and the system looks at the
// counter once more before it lets the waiter sleep.
#pragma once

#include <atomic>
#include <cstdint>

namespace tw::runtime {

// 128 bytes: processors fetch pairs of 64-byte lines.
class alignas(128) Signal {
public:
  // Only when nobody else uses it.
  void reset() noexcept { count_.store(0, std::memory_order_relaxed); }
  uint64_t count() const noexcept { return count_.load(std::memory_order_acquire); }

  // Only one thread raises a signal.
  void raise(uint64_t count) noexcept {
    count_.store(count, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) != 0) wake_all();
  }

  // What a wait that takes longer than spinning tells: at once, after a millisecond more, and at its end.
  enum class Slow { begins, lasts, ends };

  // Returns when the count has reached `target`. Most waits are over while they spin; others call slow(Slow).
  template <class Told> void wait(uint64_t target, Told&& slow) noexcept {
    if (count() >= target || spin(target)) return;
    slow(Slow::begins);
    if (!sleep(target, long_nanoseconds)) {
      slow(Slow::lasts);
      park(target);
    }
    slow(Slow::ends);
  }

  // False when the time ran out first.
  bool wait_for(uint64_t target, int64_t nanoseconds) noexcept { return count() >= target || spin(target) || sleep(target, nanoseconds); }
  // The same without sleeping.
  bool spin_for(uint64_t target, int64_t nanoseconds) noexcept { return count() >= target || spin(target, nanoseconds); }

  // Sleeps at once.
  void park(uint64_t target) noexcept { sleep(target, -1); }

  static constexpr int64_t spinning_nanoseconds = 200'000, long_nanoseconds = 1'000'000;

private:
  bool spin(uint64_t target, int64_t nanoseconds = spinning_nanoseconds) noexcept;
  // False when the time ran out; negative: no limit.
  bool sleep(uint64_t target, int64_t nanoseconds) noexcept;
  void wake_all() noexcept;

  std::atomic<uint64_t> count_{0};
  std::atomic<uint32_t> sleepers_{0};
};

} // namespace tw::runtime
