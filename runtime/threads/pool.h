// SPDX-License-Identifier: Apache-2.0
// The threads of this process that all sessions share: the caller and n-1 workers run one task together; between tasks the workers sleep in
// the system and use no processor time.
//
// Two threads on one core make a run many times slower than one thread alone, and the system may leave them there for long. So a worker is
// born on a core of its own, looks at the start of each task whether it shares the caller's core, and is sent away if so; the same happens
// when a wait has taken a millisecond. If that does not help repeatedly, the next runs are the caller's alone.
#pragma once

#include "runtime/threads/signal.h"

#include <atomic>
#include <memory>
#include <pthread.h>
#include <sys/types.h>
#include <vector>

namespace tw::runtime {

class Pool {
public:
  using Function = void (*)(void* argument, int32_t index);

  // The process's pool. After a fork the child has a new one.
  static Pool& shared();

  // Runs function(argument, i) for i in 0..count-1, all at once, 0 on the caller, and returns true when all are done. Returns false, having
  // called nothing, when another thread is using the pool, threads cannot be made, or the workers have been slower than none.
  bool run(int32_t count, Function function, void* argument);

  // From within a task: thread `waiting` has waited long for `awaited`.
  void overran(int32_t waiting, int32_t awaited) noexcept;

private:
  struct Worker {
    Pool* pool = nullptr;
    int32_t index = 0;
    uint64_t seen = 0; // the last task that it knows of; the worker's own after its birth
    pthread_t thread{};
    std::atomic<pid_t> id{0};
    std::atomic<int> processor{-1}; // where it was at the start of the task
    Signal start, finished;
  };

  static void* work(void* worker);
  bool has_workers(size_t wanted) noexcept;
  bool add_worker() noexcept;
  void wake_children(int32_t index) noexcept;
  void begin(Worker& worker) noexcept;
  void count_strikes() noexcept;

  std::atomic<bool> busy_{false};
  // Written by the thread that made the pool busy, before it wakes the workers.
  std::vector<std::unique_ptr<Worker>> workers_;
  Function function_ = nullptr;
  void* argument_ = nullptr;
  int32_t count_ = 0;
  uint64_t task_ = 0;
  size_t processors_ = 0;
  bool own_cores_ = false; // there are as many processors as threads: two threads on one can be avoided
  int strikes_ = 0, runs_alone_ = 0;
  std::atomic<int> caller_processor_{-1};
  std::atomic<bool> struck_{false};
};

} // namespace tw::runtime
