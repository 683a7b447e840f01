// SPDX-License-Identifier: Apache-2.0
// The threads of this process that all sessions share: the caller and n-1 workers run one task together; between tasks the workers sleep in
// the system and use no processor time. Waking one takes some 40 µs, so a worker first lingers: for 100 µs after a task it spins, and a
// task that follows soon begins at once.
//
// Two threads on one core make a run many times slower than one thread alone, since each barrier then costs a whole spin, and the system
// may leave them there for long; it also likes to wake a worker on the core of the caller, who is awake. So a worker is born on a core of
// its own and sleeps pinned to the core where it last ran, or to any but the caller's if that one is the same; awake, it has its whole mask
// and may be moved. A worker that waits longer than it may spin looks whether the awaited thread shares its core, and leaves if so.
//
// Who waits that long also sees how much of the time the awaited thread, which could run, was without a core: another one of the run had
// it, or another process. From what is lost so, ThreadLimit decides how many threads the next runs have.
#pragma once

#include "runtime/threads/processors.h"
#include "runtime/threads/signal.h"
#include "runtime/threads/thread_limit.h"

#include <atomic>
#include <memory>
#include <pthread.h>
#include <sys/types.h>
#include <time.h>
#include <vector>

namespace tw::runtime {

class Pool {
public:
  using Function = void (*)(void* argument, int32_t index);

  // The process's pool. After a fork the child has a new one.
  static Pool& shared();

  // Runs function(argument, i) for i in 0..threads-1, all at once, 0 on the caller; returns when all are done. `threads` is at most `most`
  // and set before the first call: fewer, when not all would have a core; 1, when another thread is using the pool or none can be made.
  void run(int32_t most, int32_t& threads, Function function, void* argument);
  static constexpr int64_t lingering_nanoseconds = 100'000; // workers stay awake so long after a task

  // From within a task: thread `waiting` waits longer for `awaited` than it may spin.
  void slow_wait(int32_t waiting, int32_t awaited, Signal::Slow stage) noexcept;

private:
  // The caller or a worker.
  struct Member {
    clockid_t processor_clock{};        // its processor time
    std::atomic<int> processor{-1};     // where it was when it last looked
    std::atomic<int64_t> wait_begin{0}; // of its last slow wait
    int64_t awaited_time = 0;           // the processor time of the awaited thread then
  };

  struct Worker : Member {
    Pool* pool = nullptr;
    int32_t index = 0;
    uint64_t seen = 0; // the last task that it knows of; the worker's own after its birth
    pthread_t thread{};
    std::atomic<pid_t> id{0}; // 0 until it has begun to run
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
  Member& member(int32_t index) noexcept;
  // Return how much of their time was lost.
  int64_t run_alone();
  int64_t run_together();
  void count_loss(const Member& self, const Member& other) noexcept;
  void keep_apart() noexcept;
  void wake_up(Worker& worker) noexcept;
  void keep_off(Worker& worker) noexcept;
  void fall_asleep(Worker& worker, bool own_core) noexcept;

  std::atomic<bool> busy_{false};
  // Written by the thread that made the pool busy, before it wakes the workers.
  std::vector<std::unique_ptr<Worker>> workers_;
  Function function_ = nullptr;
  void* argument_ = nullptr;
  int32_t count_ = 0;
  uint64_t task_ = 0;
  size_t processors_ = 0;
  bool own_cores_ = false; // there are as many processors as threads: two threads on one can be avoided
  Member caller_;
  std::atomic<int64_t> lost_nanoseconds_{0}; // in this task, by all who waited together
  ThreadLimit limit_;
};

} // namespace tw::runtime
