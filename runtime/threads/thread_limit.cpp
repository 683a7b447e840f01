// SPDX-License-Identifier: Apache-2.0
// A time slice is some milliseconds long (4 on many machines), so what a shared core does to runs shows only over several of them.
#include "runtime/threads/thread_limit.h"

#include <algorithm>

namespace tw::runtime {
namespace {

constexpr double account_nanoseconds = 40e6, account_without_loss_nanoseconds = 16e6;
// In threads: below the first nothing counts as lost, from the second on fewer threads may be better.
constexpr double no_loss = 0.25, much_loss = 0.8;
// Once can be the first run of a model, which waits for its pages, or another's start.
constexpr int lossy_accounts_before_trial = 2;
// Fewer threads that lose nothing count as equal down to here: each of many does a little less than alone, and others want the cores.
constexpr double equal = 0.85;
// A trial of more threads that was no better counts as if it had lost this share of its time at least.
constexpr double smallest_cost = 0.1, pause_per_cost = 40;
constexpr int64_t shortest_pause = 100'000'000, longest_pause_with_fewer = 4'000'000'000;
// What was found before so long a pause between runs is forgotten.
constexpr int64_t memory_nanoseconds = 1'000'000'000;

} // namespace

bool ThreadLimit::Account::lost_nothing() const noexcept { return lost < no_loss * time; }

bool ThreadLimit::Account::complete() const noexcept {
  return time >= account_nanoseconds || (time >= account_without_loss_nanoseconds && lost_nothing());
}

int32_t ThreadLimit::limit(int step) const noexcept {
  const int64_t left_out = step == 0 ? 0 : int64_t{1} << (step - 1);
  return static_cast<int32_t>(std::max<int64_t>(1, most_wanted_ - left_out));
}

int32_t ThreadLimit::threads(int32_t wanted, int64_t now) noexcept {
  if (step_ == 0 && lossy_accounts_ == 0) return wanted;
  if (now - last_end_ > memory_nanoseconds) *this = ThreadLimit();
  if (trial_ == Trial::none && now >= next_trial_) {
    const bool lossy = lossy_accounts_ >= lossy_accounts_before_trial && fewer_may_be_better();
    if (lossy && (step_ == 0 || last_trial_ != Trial::fewer)) begin(Trial::fewer, step_ + 1);
    else if (step_ > 0) begin(Trial::more, step_ - 1);
  }
  return step_ == 0 ? wanted : std::min(wanted, limit(step_));
}

void ThreadLimit::observe(const Run& run) noexcept {
  last_end_ = run.end;
  account_.time += static_cast<double>(run.nanoseconds);
  account_.lost += static_cast<double>(run.lost) * run.threads;
  account_.done += static_cast<double>(run.nanoseconds - run.lost) * run.threads;
  account_.most_wanted = std::max(account_.most_wanted, run.wanted);
  if (!account_.complete() && !(trial_ == Trial::more && hopeless())) return;
  if (trial_ == Trial::none) watch();
  else if (trial_ == Trial::fewer) judge_fewer(run.end);
  else judge_more(run.end);
  account_ = Account();
}

// The next step, if nothing were lost there.
bool ThreadLimit::fewer_may_be_better() const noexcept { return limit(step_) > 1 && limit(step_ + 1) > equal * best_speed_; }

// So much is lost already that the rest of the account cannot make up for it.
bool ThreadLimit::hopeless() const noexcept {
  const double rest = account_nanoseconds - account_.time;
  return account_.lost >= no_loss * account_nanoseconds &&
         (account_.done + rest * limit(step_)) * equal <= best_speed_ * account_nanoseconds;
}

void ThreadLimit::begin(Trial trial, int step) noexcept {
  trial_ = trial;
  best_step_ = step_;
  step_ = step;
  trial_cost_ = 0;
  account_ = Account();
}

void ThreadLimit::watch() noexcept {
  best_speed_ = step_ == 0 ? account_.speed() : (best_speed_ + account_.speed()) / 2;
  lossy_accounts_ = account_.lost >= much_loss * account_.time ? lossy_accounts_ + 1 : 0;
  if (step_ == 0) most_wanted_ = account_.most_wanted;
}

void ThreadLimit::judge_fewer(int64_t now) noexcept {
  if (account_.speed() > best_speed_ * (account_.lost_nothing() ? equal : 1)) {
    best_step_ = step_;
    best_speed_ = account_.speed();
  } else {
    trial_cost_ += account_.time * (1 - account_.speed() / best_speed_);
  }
  if (!account_.lost_nothing() && fewer_may_be_better()) ++step_;
  else settle(now + std::max(shortest_pause, static_cast<int64_t>(pause_per_cost * trial_cost_)));
}

void ThreadLimit::judge_more(int64_t now) noexcept {
  if (account_.lost_nothing() || account_.speed() * equal > best_speed_) {
    best_step_ = step_;
    best_speed_ = account_.speed();
    return settle(now);
  }
  const double cost = account_.time * std::max(smallest_cost, 1 - account_.speed() / best_speed_);
  settle(now + std::min(longest_pause_with_fewer, static_cast<int64_t>(pause_per_cost * cost)));
}

void ThreadLimit::settle(int64_t next_trial) noexcept {
  step_ = best_step_;
  last_trial_ = trial_;
  trial_ = Trial::none;
  lossy_accounts_ = 0;
  next_trial_ = next_trial;
}

} // namespace tw::runtime
