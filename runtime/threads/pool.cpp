// SPDX-License-Identifier: Apache-2.0
// Waking: a system call takes some microseconds, so the workers wake each other as a tree (thread i wakes 2i+1 and 2i+2).
#include "runtime/threads/pool.h"

#include "runtime/threads/processors.h"

#include <algorithm>
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
  struck_.store(false, std::memory_order_relaxed);
  caller_processor_.store(::sched_getcpu(), std::memory_order_relaxed);
  wake_children(0);
  function(argument, 0);
  for (size_t i = 0; i < workers; ++i) workers_[i]->finished.wait(task_, [&] { overran(0, static_cast<int32_t>(i) + 1); });
  count_strikes();
  busy_.store(false, std::memory_order_release);
  return true;
}

void Pool::count_strikes() noexcept {
  strikes_ = struck_.load(std::memory_order_relaxed) ? strikes_ + 1 : 0;
  if (strikes_ < most_strikes) return;
  strikes_ = 0;
  runs_alone_ = runs_alone_after_strikes;
}

void Pool::overran(int32_t waiting, int32_t awaited) noexcept {
  if (!own_cores_) return;
  const auto processor_of = [&](int32_t index) {
    return index == 0 ? caller_processor_.load(std::memory_order_relaxed)
                      : workers_[static_cast<size_t>(index - 1)]->processor.load(std::memory_order_relaxed);
  };
  const int here = ::sched_getcpu();
  if (here < 0 || processor_of(awaited) != here) return;
  struck_.store(true, std::memory_order_relaxed);
  // The caller's thread belongs to the user: only workers are moved.
  Worker& moved = *workers_[static_cast<size_t>((awaited != 0 ? awaited : waiting) - 1)];
  move_away(moved.id.load(std::memory_order_acquire), here);
}

bool Pool::has_workers(size_t wanted) noexcept {
  while (workers_.size() < wanted)
    if (!add_worker()) return false;
  return true;
}

// The worker starts with a mask of one processor, the caller's neighbour by index, and takes the whole mask back as its first act.
bool Pool::add_worker() noexcept {
  try {
    const AffinityMask mask = AffinityMask::of(0);
    const auto& processors = mask.processors();
    auto worker = std::make_unique<Worker>();
    worker->pool = this;
    worker->index = static_cast<int32_t>(workers_.size()) + 1;
    worker->seen = task_;
    workers_.reserve(workers_.size() + 1);
    processors_ = processors.size();
    if (!processors.empty()) {
      const auto mine = std::find(processors.begin(), processors.end(), ::sched_getcpu());
      const size_t position = mine == processors.end() ? 0 : static_cast<size_t>(mine - processors.begin());
      worker->processor = processors[(position + static_cast<size_t>(worker->index)) % processors.size()];
    }
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

void Pool::begin(Worker& worker) noexcept {
  int processor = ::sched_getcpu();
  const int caller = caller_processor_.load(std::memory_order_relaxed);
  if (own_cores_ && processor >= 0 && processor == caller) {
    move_away(worker.id.load(std::memory_order_relaxed), processor);
    processor = ::sched_getcpu();
  }
  worker.processor.store(processor, std::memory_order_relaxed);
}

void* Pool::work(void* argument) {
  Worker& worker = *static_cast<Worker*>(argument);
  Pool& pool = *worker.pool;
  worker.id.store(thread_id(), std::memory_order_release);
  ::pthread_setname_np(::pthread_self(), "tensorwright");
  if (const int processor = worker.processor.load(std::memory_order_relaxed); processor >= 0) {
    try {
      const AffinityMask whole = AffinityMask::of(0);
      if (AffinityMask::only(processor).apply(0)) whole.apply(0);
    } catch (...) {} // no memory for the masks: it starts wherever it is
  }
  for (;;) {
    worker.start.park(worker.seen + 1);
    worker.seen = worker.start.count();
    pool.wake_children(worker.index);
    pool.begin(worker);
    pool.function_(pool.argument_, worker.index);
    worker.finished.raise(worker.seen);
  }
  return nullptr;
}

} // namespace tw::runtime
