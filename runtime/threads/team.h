// SPDX-License-Identifier: Apache-2.0
// Brings the threads of one run together: from the shared pool, from a pool of the user's, or the caller alone.
//
// Threads that meet at barriers must all be there, or the first barrier waits forever. The shared pool sees to that; of a user's pool
// nothing is known. So each thread that it sends first passes a gate: when the last one has come, all go on together; when that takes too
// long, the one who notices does the whole run, and the others, whenever they come, go home.
#pragma once

#include "runtime/threads/pool.h"
#include "tensorwright/module.h"

#include <atomic>

namespace tw::runtime {

class Team {
public:
  using Function = void (*)(void* argument, int32_t thread);

  // Calls function(argument, t) for t in 0..announced-1, where `announced` is at most `threads` and known before the first call.
  void run(const tw_options& options, int32_t threads, int32_t& announced, Function function, void* argument);

  // Thread `waiting` waits longer for `awaited` than it may spin.
  void slow_wait(int32_t waiting, int32_t awaited, Signal::Slow stage) noexcept {
    if (pool_ != nullptr) pool_->slow_wait(waiting, awaited, stage);
  }

private:
  enum Decision { gathering, together, alone };

  static void from_pool(void* team, int32_t index);
  static void from_user(void* team, int32_t index);
  void run_from_user(const tw_options& options);
  void run_alone();
  void decide(Decision decision) noexcept;

  Function function_ = nullptr;
  void* argument_ = nullptr;
  int32_t threads_ = 1;
  int32_t* announced_ = nullptr;
  Pool* pool_ = nullptr; // the shared one, while it runs this team
  int runs_alone_ = 0;
  std::atomic<int32_t> arrived_{0};
  std::atomic<Decision> decision_{gathering};
  Signal gate_;
};

} // namespace tw::runtime
