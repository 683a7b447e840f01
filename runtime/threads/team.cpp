// SPDX-License-Identifier: Apache-2.0
// The gate's decision is one compare-and-swap: exactly one thread makes it, and that thread opens the gate.
#include "runtime/threads/team.h"

namespace tw::runtime {
namespace {

constexpr int64_t patience_nanoseconds = 50'000'000;
constexpr int runs_alone_after_missing_threads = 64;

} // namespace

void Team::run(const tw_options& options, int32_t threads, int32_t& announced, Function function, void* argument) {
  function_ = function;
  argument_ = argument;
  threads_ = threads;
  announced_ = &announced;
  announced = threads;
  pool_ = nullptr;
  if (threads == 1) return run_alone();
  if (options.parallel != nullptr) return run_from_user(options);
  pool_ = &Pool::shared();
  pool_->run(threads, announced, from_pool, this);
}

void Team::run_alone() {
  *announced_ = 1;
  function_(argument_, 0);
}

void Team::from_pool(void* pointer, int32_t index) {
  auto& team = *static_cast<Team*>(pointer);
  team.function_(team.argument_, index);
}

void Team::run_from_user(const tw_options& options) {
  if (runs_alone_ > 0) {
    --runs_alone_;
    return run_alone();
  }
  arrived_ = 0;
  decision_ = gathering;
  gate_.reset();
  options.parallel(options.pool, threads_, from_user, this);
  if (decision_ == together) return;
  runs_alone_ = runs_alone_after_missing_threads;
  // A pool that has called nothing at all.
  if (decision_ == gathering) run_alone();
}

void Team::decide(Decision decision) noexcept {
  Decision expected = gathering;
  if (!decision_.compare_exchange_strong(expected, decision)) return;
  gate_.raise(1);
  if (decision == alone) run_alone();
}

void Team::from_user(void* pointer, int32_t index) {
  auto& team = *static_cast<Team*>(pointer);
  if (index < 0 || index >= team.threads_) return;
  if (team.arrived_.fetch_add(1) + 1 == team.threads_) team.decide(together);
  else if (!team.gate_.wait_for(1, patience_nanoseconds)) team.decide(alone);
  if (team.decision_ == together) team.function_(team.argument_, index);
}

} // namespace tw::runtime
