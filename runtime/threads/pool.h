// SPDX-License-Identifier: Apache-2.0
// The threads of this process that all sessions share: the caller and n-1 workers run one task together; between tasks the workers sleep in
// the system and use no processor time. Waking one takes some 40 µs, so a worker first lingers: for 100 µs after a task it spins, and a
// task that follows soon begins at once.
//
// Two threads on one core make a run many times slower than one thread alone, since each barrier then costs a whole spin, and the system
// may leave them there for long; it also likes to wake a worker on the core of the caller, who is awake. So a worker is born on a core of
// its own and sleeps pinned to the core where it last ran, or to any but the caller's if that one is the same; awake, it has its whole mask
// and may be moved. A worker that waits longer than it may spin looks whether the awaited thread shares its core, and leaves if so. When
// tasks in a row lose much of their time that way, the next ones are the caller's alone.
#pragma once

#include "runtime/threads/processors.h"
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
  static constexpr int64_t lingering_nanoseconds = 100'000; // workers stay awake so long after a task

  // From within a task: thread `waiting` waits longer for `awaited` than it may spin, or even longer than a millisecond.
  void slow_wait(int32_t waiting, int32_t awaited, bool very) noexcept;

private:
  struct Worker {
    Pool* pool = nullptr;
    int32_t index = 0;
    uint64_t seen = 0; // the last task that it knows of; the worker's own after its birth
    pthread_t thread{};
    std::atomic<pid_t> id{0};       // 0 until it has begun to run
    std::atomic<int> processor{-1}; // where it was when it last looked
    // Its masks; the caller's to change while the worker is parked, until `start` is raised. asleep is empty when it sleeps with its whole
    // mask.
    AffinityMask awake, asleep;
    std::atomic<bool> parked{true};
    Signal start, finished;
  };

  static void* work(void* worker);
  bool has_workers(size_t wanted) noexcept;
  bool add_worker() noexcept;
  void wake_children(int32_t index) noexcept;
  std::atomic<int>& processor_of(int32_t index) noexcept;
  void keep_apart() noexcept;
  void wake_up(Worker& worker) noexcept;
  void keep_off(Worker& worker) noexcept;
  void fall_asleep(Worker& worker, bool own_core) noexcept;
  void count_strikes(int64_t task_nanoseconds) noexcept;

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
  std::atomic<int64_t> lost_nanoseconds_{0};
};

} // namespace tw::runtime
