// SPDX-License-Identifier: Apache-2.0
// The slow half of Signal: spinning and the futex. The futex compares the counter's lower 32 bits, which change at every raise.
#include "runtime/threads/signal.h"

#include <bit>
#include <chrono>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace tw::runtime {
namespace {

using Clock = std::chrono::steady_clock;

static_assert(std::endian::native == std::endian::little, "the futex word is the counter's first half");
static_assert(sizeof(std::atomic<uint64_t>) == 8 && std::atomic<uint64_t>::is_always_lock_free);

constexpr int looks_without_pause = 100, pauses_between_looks_at_the_clock = 16;

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

} // namespace

bool Signal::spin(uint64_t target, int64_t nanoseconds) noexcept {
  // Mostly the other comes within some hundred nanoseconds: neither a pause (up to 60 of them) nor the clock is worth it yet.
  for (int i = 0; i < looks_without_pause; ++i)
    if (count() >= target) return true;
  const auto end = Clock::now() + std::chrono::nanoseconds(nanoseconds);
  do {
    for (int i = 0; i < pauses_between_looks_at_the_clock; ++i) {
      pause();
      if (count() >= target) return true;
    }
  } while (Clock::now() < end);
  return false;
}

bool Signal::sleep(uint64_t target, int64_t nanoseconds) noexcept {
  const auto end = Clock::now() + std::chrono::nanoseconds(nanoseconds);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  bool reached = false;
  for (;;) {
    const uint64_t seen = count_.load(std::memory_order_seq_cst);
    reached = seen >= target;
    if (reached) break;
    timespec left{};
    if (nanoseconds >= 0) {
      const int64_t rest = std::chrono::duration_cast<std::chrono::nanoseconds>(end - Clock::now()).count();
      if (rest <= 0) break;
      left = {.tv_sec = rest / 1'000'000'000, .tv_nsec = rest % 1'000'000'000};
    }
    // An early return (a signal, a changed counter, the time) only leads back to the checks above.
    ::syscall(SYS_futex, &count_, FUTEX_WAIT_PRIVATE, static_cast<uint32_t>(seen), nanoseconds >= 0 ? &left : nullptr, nullptr, 0);
  }
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return reached;
}

void Signal::wake_all() noexcept { ::syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

} // namespace tw::runtime
