// SPDX-License-Identifier: Apache-2.0
// How many threads a run should have while other processes want the cores too.
//
// Threads that meet at barriers go as fast as the slowest. One whose core a busy process shares has it half of the time, and then all of
// them work half of the time; without that one the others are n-1 of n as fast as they were. So when runs lose much of their time to
// threads that could run but have no core, fewer threads are tried (n-1, n-2, n-4, …, 1) until nothing is lost, and the number that got
// most done is kept; where fewer are no better, since all cores are shared, that is all of them. While there are fewer, the next larger
// number is tried again and again: after each trial the time until the next is forty times what it lost, so trials cost some 2.5 %, and
// where they lose nothing, because the busy process has ended, all threads are back at once.
//
// The unit of all this is the thread: n of them that lost the share x of their time got as much done as n * (1 - x). Time is counted, not
// runs, which take from microseconds to a second; and nothing here reads a clock.
#pragma once

#include <cstdint>

namespace tw::runtime {

class ThreadLimit {
public:
  // For a run that wants so many. Times are in nanoseconds, `now` on any steady clock.
  int32_t threads(int32_t wanted, int64_t now) noexcept;

  struct Run {
    int32_t wanted, threads;
    int64_t nanoseconds;
    int64_t lost; // of these: some thread had no core, and the others waited for it
    int64_t end;
  };
  void observe(const Run& run) noexcept;

private:
  enum class Trial { none, fewer, more };

  // What some runs in a row got done.
  struct Account {
    double time = 0, done = 0, lost = 0; // the latter two times threads
    int32_t most_wanted = 1;
    double speed() const noexcept { return done / time; }
    bool lost_nothing() const noexcept;
    bool complete() const noexcept;
  };

  int32_t limit(int step) const noexcept;
  bool fewer_may_be_better() const noexcept;
  bool hopeless() const noexcept;
  void begin(Trial trial, int step) noexcept;
  void watch() noexcept;
  void judge_fewer(int64_t now) noexcept;
  void judge_more(int64_t now) noexcept;
  void settle(int64_t next_trial) noexcept;

  int32_t most_wanted_ = 1; // step 0; steps 1, 2, 3, … leave 1, 2, 4, … of them out
  int step_ = 0, best_step_ = 0;
  double best_speed_ = 0;
  Trial trial_ = Trial::none, last_trial_ = Trial::none;
  double trial_cost_ = 0;
  int lossy_accounts_ = 0; // in a row, without a trial
  int64_t next_trial_ = 0, last_end_ = 0;
  Account account_;
};

} // namespace tw::runtime
