// SPDX-License-Identifier: Apache-2.0
// Waking: a system call takes some microseconds, so the workers wake each other as a tree (thread i wakes 2i+1 and 2i+2).
#include "runtime/threads/pool.h"

#include "runtime/threads/processors.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <mutex>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tw::runtime {
namespace {

// So many tasks in a row with two threads stuck on one core, and the next ones are the caller's alone.
constexpr int most_strikes = 3, runs_alone_after_strikes = 64;

std::mutex shared_mutex;
// Never destroyed: parked workers may outlive static objects at the end of the process. Reachable, so no leak.
Pool* shared_pool = nullptr;

void before_fork() { shared_mutex.lock(); }
void after_fork_in_parent() { shared_mutex.unlock(); }
// The workers exist only in the parent, and the pool may have been in use: it is left behind.
void after_fork_in_child() {
  [[maybe_unused]] static Pool* volatile left_behind; // still reachable for leak checkers
  left_behind = shared_pool;
  shared_pool = nullptr;
  shared_mutex.unlock();
}

pid_t thread_id() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

} // namespace

Pool& Pool::shared() {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
  const std::lock_guard lock(shared_mutex);
  if (shared_pool == nullptr) shared_pool = new Pool;
  return *shared_pool;
}

bool Pool::run(int32_t count, Function function, void* argument) {
  bool free = false;
  if (!busy_.compare_exchange_strong(free, true, std::memory_order_acquire)) return false;
  const auto workers = static_cast<size_t>(count - 1);
  if (runs_alone_ > 0 || !has_workers(workers)) {
    if (runs_alone_ > 0) --runs_alone_;
    busy_.store(false, std::memory_order_release);
    return false;
  }
  function_ = function;
  argument_ = argument;
  count_ = count;
  own_cores_ = processors_ >= static_cast<size_t>(count);
  ++task_;
  const auto begin = std::chrono::steady_clock::now();
  keep_apart();
  wake_children(0);
  function(argument, 0);
  for (int32_t index = 1; index < count; ++index)
    workers_[static_cast<size_t>(index - 1)]->finished.wait(task_, [&](bool very) { slow_wait(0, index, very); });
  count_strikes(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  busy_.store(false, std::memory_order_release);
  return true;
}

// Waiting for a thread on one's own core is lost time; so is the other's half of it, which is not counted.
void Pool::count_strikes(int64_t task_nanoseconds) noexcept {
  const bool struck = lost_nanoseconds_.load(std::memory_order_relaxed) > task_nanoseconds / 4;
  strikes_ = struck ? strikes_ + 1 : 0;
  if (strikes_ < most_strikes) return;
  strikes_ = 0;
  runs_alone_ = runs_alone_after_strikes;
}

std::atomic<int>& Pool::processor_of(int32_t index) noexcept {
  return index == 0 ? caller_processor_ : workers_[static_cast<size_t>(index - 1)]->processor;
}

// Both threads write down where they are when they wait long. If they share a core, both wait long, in turns; so what the other wrote is
// fresh when it matters. Only a worker moves, and only itself: the caller's thread belongs to the user, and a mask that two threads change
// at once could end as neither meant it.
void Pool::slow_wait(int32_t waiting, int32_t awaited, bool very) noexcept {
  if (!own_cores_) return;
  const int here = ::sched_getcpu();
  processor_of(waiting).store(here, std::memory_order_relaxed);
  if (here < 0 || processor_of(awaited).load(std::memory_order_relaxed) != here) return;
  lost_nanoseconds_.fetch_add(very ? Signal::long_nanoseconds : Signal::spinning_nanoseconds, std::memory_order_relaxed);
  if (waiting != 0 && move_away(0, here)) processor_of(waiting).store(::sched_getcpu(), std::memory_order_relaxed);
}

// While the workers sleep: none of them shall wake where the caller is. A mask that somebody else has given to a worker (taskset) stays.
// (One that is just the processor where the worker sleeps cannot be told from its own.)
void Pool::keep_apart() noexcept {
  lost_nanoseconds_.store(0, std::memory_order_relaxed);
  const int here = ::sched_getcpu();
  caller_processor_.store(here, std::memory_order_relaxed);
  if (!own_cores_ || here < 0) return;
  for (int32_t index = 1; index < count_; ++index) {
    Worker& worker = *workers_[static_cast<size_t>(index - 1)];
    if (!worker.parked.load(std::memory_order_acquire)) continue;
    const pid_t id = worker.id.load(std::memory_order_acquire);
    if (id == 0 || !worker.asleep.contains(here) || AffinityMask::of(id) != worker.asleep) continue;
    const AffinityMask others = worker.awake.without(here);
    if (others.apply(id)) worker.asleep = others;
  }
}

void Pool::wake_up(Worker& worker) noexcept {
  worker.parked.store(false, std::memory_order_relaxed);
  if (!worker.asleep.empty() && AffinityMask::of(0) == worker.asleep) worker.awake.apply(0);
  worker.processor.store(::sched_getcpu(), std::memory_order_relaxed);
}

// For a worker that has not slept: the caller may have come to its core meanwhile.
void Pool::keep_off(Worker& worker) noexcept {
  const int here = ::sched_getcpu();
  worker.processor.store(here, std::memory_order_relaxed);
  if (!own_cores_ || here < 0 || caller_processor_.load(std::memory_order_relaxed) != here) return;
  if (move_away(0, here)) worker.processor.store(::sched_getcpu(), std::memory_order_relaxed);
}

void Pool::fall_asleep(Worker& worker, bool own_core) noexcept {
  const int here = ::sched_getcpu();
  worker.processor.store(here, std::memory_order_relaxed);
  worker.asleep = AffinityMask();
  if (own_core && here >= 0) {
    worker.awake = AffinityMask::of(0);
    const AffinityMask home = AffinityMask::only(here);
    if (home.apply(0)) worker.asleep = home;
  }
  worker.parked.store(true, std::memory_order_release);
}

bool Pool::has_workers(size_t wanted) noexcept {
  while (workers_.size() < wanted)
    if (!add_worker()) return false;
  return true;
}

// The worker is born as if it slept on the caller's neighbour by index; with its first task it gets the whole mask back.
bool Pool::add_worker() noexcept {
  try {
    auto worker = std::make_unique<Worker>();
    worker->pool = this;
    worker->index = static_cast<int32_t>(workers_.size()) + 1;
    worker->seen = task_;
    worker->awake = AffinityMask::of(0);
    const std::vector<int> processors = worker->awake.processors();
    processors_ = processors.size();
    if (!processors.empty()) {
      const auto mine = std::find(processors.begin(), processors.end(), ::sched_getcpu());
      const size_t position = mine == processors.end() ? 0 : static_cast<size_t>(mine - processors.begin());
      worker->asleep = AffinityMask::only(processors[(position + static_cast<size_t>(worker->index)) % processors.size()]);
    }
    workers_.reserve(workers_.size() + 1);
    // Signals of the process are for its own threads.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = ::pthread_create(&worker->thread, nullptr, work, worker.get());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) return false;
    ::pthread_detach(worker->thread);
    workers_.push_back(std::move(worker));
    return true;
  } catch (...) { return false; }
}

void Pool::wake_children(int32_t index) noexcept {
  for (int32_t child = 2 * index + 1; child <= 2 * index + 2 && child < count_; ++child)
    workers_[static_cast<size_t>(child - 1)]->start.raise(task_);
}

void* Pool::work(void* argument) {
  Worker& worker = *static_cast<Worker*>(argument);
  Pool& pool = *worker.pool;
  ::pthread_setname_np(::pthread_self(), "tensorwright");
  worker.asleep.apply(0);
  worker.id.store(thread_id(), std::memory_order_release);
  for (;;) {
    worker.start.park(worker.seen + 1);
    bool was_parked = true, own_core;
    do {
      worker.seen = worker.start.count();
      pool.wake_children(worker.index);
      was_parked ? pool.wake_up(worker) : pool.keep_off(worker);
      pool.function_(pool.argument_, worker.index);
      was_parked = false;
      own_core = pool.own_cores_; // from here on the next caller may change it
      worker.finished.raise(worker.seen);
    } while (own_core && worker.start.spin_for(worker.seen + 1, lingering_nanoseconds));
    pool.fall_asleep(worker, own_core);
  }
  return nullptr;
}

} // namespace tw::runtime
