// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads/thread_limit.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>

namespace tw::test {
namespace {

constexpr int64_t us = 1'000, ms = 1'000'000, second = 1'000'000'000;

// A machine with a clock of its own, on which one program runs after the other. A thread on a core that a busy process shares runs in every
// other time slice; while fewer threads run than there are cores left, none does. All others wait for it.
struct Machine {
  int32_t cores;
  int32_t busy = 0;
  int64_t slice = 4 * ms;
  int64_t now = 7 * second;
  runtime::ThreadLimit limit;
  int32_t threads = 0; // of the last run
  int64_t lost = 0;    // in the last run

  // A run that takes so long with all threads on cores of their own; returns its time.
  int64_t run(int64_t nanoseconds, int32_t wanted = 0) {
    if (wanted == 0) wanted = cores;
    threads = limit.threads(wanted, now);
    const int64_t begin = now, work = nanoseconds * wanted / threads;
    lost = 0;
    if (threads <= cores - busy) now += work;
    else
      for (int64_t done = 0; done < work;) {
        const int64_t left_of_slice = slice - now % slice;
        if (now / slice % 2 != 0) {
          now += left_of_slice;
          lost += left_of_slice;
        } else {
          const int64_t step = std::min(left_of_slice, work - done);
          now += step;
          done += step;
        }
      }
    limit.observe({wanted, threads, now - begin, lost, now});
    return now - begin;
  }

  // The share of the time in which runs had so many threads.
  double share_of(int32_t wanted_threads, int64_t nanoseconds, int64_t duration) {
    int64_t with = 0;
    const int64_t begin = now;
    while (now < begin + duration) {
      const int64_t time = run(nanoseconds);
      if (threads == wanted_threads) with += time;
    }
    return static_cast<double>(with) / static_cast<double>(now - begin);
  }
};

constexpr int64_t lengths[] = {20 * us, 300 * us, 3 * ms, 30 * ms, 200 * ms};

TEST(ThreadLimit, runs_that_lose_nothing_have_all_threads) {
  for (int32_t cores : {2, 3, 8, 64})
    for (int64_t length : lengths) EXPECT_EQ((Machine{cores}.share_of(cores, length, second)), 1) << cores << " cores, " << length;
}

TEST(ThreadLimit, threads_without_a_core_of_their_own_are_left_out_most_of_the_time) {
  for (const auto [cores, busy, best] : {std::array{2, 1, 1}, {3, 1, 2}, {4, 1, 3}, {8, 1, 7}, {8, 2, 6}, {8, 4, 4}, {64, 1, 63}})
    for (int64_t length : lengths) {
      Machine machine{cores, busy};
      machine.share_of(best, length, 4 * second);
      EXPECT_GT(machine.share_of(best, length, 20 * second), 0.65) << cores << " cores, " << busy << " busy, runs of " << length;
    }
}

TEST(ThreadLimit, runs_get_as_much_done_as_with_the_best_number_of_threads_but_for_the_trials) {
  for (const auto [cores, busy] : {std::array{2, 1}, {4, 1}, {8, 1}, {8, 2}, {16, 1}})
    for (int64_t length : lengths) {
      Machine machine{cores, busy};
      machine.share_of(0, length, 4 * second);
      int64_t best = 0;
      const int64_t begin = machine.now;
      while (machine.now < begin + 20 * second) {
        machine.run(length);
        best += length * cores / (cores - busy);
      }
      EXPECT_GT(static_cast<double>(best) / static_cast<double>(machine.now - begin), 0.95)
          << cores << " cores, " << busy << " busy, runs of " << length;
    }
}

TEST(ThreadLimit, all_threads_are_back_soon_after_the_other_process_has_ended) {
  for (int32_t cores : {2, 4, 8})
    for (int64_t length : lengths) {
      Machine machine{cores, 1};
      machine.share_of(0, length, 5 * second);
      machine.busy = 0;
      const int64_t end = machine.now;
      for (int in_a_row = 0; in_a_row < 3 && machine.now < end + 5 * second;) {
        machine.run(length);
        in_a_row = machine.threads == cores ? in_a_row + 1 : 0;
      }
      EXPECT_LT(machine.now - end, 500 * ms + 25 * length) << cores << " cores, runs of " << length;
      EXPECT_EQ(machine.share_of(cores, length, second), 1);
    }
}

TEST(ThreadLimit, where_all_cores_are_shared_all_threads_stay) {
  for (int32_t cores : {2, 4, 8})
    for (int64_t length : lengths) {
      Machine machine{cores, cores};
      EXPECT_GT(machine.share_of(cores, length, 20 * second), 0.9) << cores << " cores, runs of " << length;
    }
}

TEST(ThreadLimit, short_noise_changes_nothing) {
  Machine machine{2};
  for (int i = 0; i < 2000; ++i) {
    machine.busy = i % 10 == 0 ? 1 : 0; // 4 of 40 ms
    machine.run(2 * ms);
    EXPECT_EQ(machine.threads, 2);
  }
  machine.busy = 1; // once for 40 ms
  for (const int64_t end = machine.now + 40 * ms; machine.now < end;) machine.run(2 * ms);
  machine.busy = 0;
  EXPECT_EQ(machine.share_of(2, 2 * ms, second), 1);
}

TEST(ThreadLimit, one_long_run_that_lost_its_time_changes_nothing) {
  Machine machine{4, 1};
  machine.run(500 * ms);
  EXPECT_GT(machine.lost, 0);
  machine.busy = 0;
  EXPECT_EQ(machine.share_of(4, 500 * ms, 5 * second), 1);
}

TEST(ThreadLimit, a_quota_that_stops_all_threads_leaves_no_trace_when_it_is_gone) {
  Machine machine{4, 4, 50 * ms};
  machine.share_of(0, 5 * ms, 10 * second);
  machine.busy = 0;
  machine.share_of(0, 5 * ms, 5 * second);
  EXPECT_EQ(machine.share_of(4, 5 * ms, second), 1);
}

TEST(ThreadLimit, runs_that_want_fewer_threads_than_there_may_be_have_them) {
  Machine machine{8, 1};
  machine.share_of(0, 3 * ms, 2 * second);
  for (int i = 0; i < 100; ++i) {
    machine.run(3 * ms, 2);
    EXPECT_EQ(machine.threads, 2);
  }
  machine.run(3 * ms, 1);
  EXPECT_EQ(machine.threads, 1);
}

TEST(ThreadLimit, what_was_found_before_a_long_pause_is_forgotten) {
  Machine machine{2, 1};
  machine.share_of(0, 3 * ms, 2 * second);
  for (int i = 0; i < 1000 && machine.threads == 2; ++i) machine.run(3 * ms);
  ASSERT_EQ(machine.threads, 1);
  machine.now += 1500 * ms;
  machine.run(3 * ms);
  EXPECT_EQ(machine.threads, 2);
}

} // namespace
} // namespace tw::test
