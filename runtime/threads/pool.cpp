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

// A thread that the system has just woken is without a core for some tens of microseconds, for a time slice of another process it is for
// milliseconds: only what is longer than this is lost to others.
constexpr int64_t shortest_loss_nanoseconds = 200'000;

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

int64_t nanoseconds(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}
int64_t now() noexcept { return nanoseconds(CLOCK_MONOTONIC); }

} // namespace

Pool& Pool::shared() {
  static std::once_flag once;
  std::call_once(once, [] { ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
  const std::lock_guard lock(shared_mutex);
  if (shared_pool == nullptr) shared_pool = new Pool;
  return *shared_pool;
}

void Pool::run(int32_t most, int32_t& threads, Function function, void* argument) {
  threads = 1;
  bool free = false;
  if (!busy_.compare_exchange_strong(free, true, std::memory_order_acquire)) return function(argument, 0);
  const int64_t begin = now();
  // More threads than processors share them among each other, and that is what their user wants.
  const auto for_each_a_processor = [&] { return processors_ >= static_cast<size_t>(most); };
  count_ = for_each_a_processor() ? limit_.threads(most, begin) : most;
  if (count_ > 1 && !has_workers(static_cast<size_t>(count_ - 1))) count_ = 1;
  threads = count_;
  own_cores_ = for_each_a_processor();
  function_ = function;
  argument_ = argument;
  const int64_t lost = count_ == 1 ? run_alone() : run_together();
  const int64_t end = now(), time = end - begin;
  if (own_cores_) limit_.observe({most, count_, time, std::clamp<int64_t>(lost, 0, time), end});
  busy_.store(false, std::memory_order_release);
}

int64_t Pool::run_alone() {
  const int64_t begin = now(), used_before = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  function_(argument_, 0);
  const int64_t used = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - used_before;
  return now() - begin - used;
}

int64_t Pool::run_together() {
  ++task_;
  lost_nanoseconds_.store(0, std::memory_order_relaxed);
  ::pthread_getcpuclockid(::pthread_self(), &caller_.processor_clock);
  keep_apart();
  wake_children(0);
  function_(argument_, 0);
  for (int32_t index = 1; index < count_; ++index)
    workers_[static_cast<size_t>(index - 1)]->finished.wait(task_, [&](Signal::Slow stage) { slow_wait(0, index, stage); });
  // While one has no core, all others wait for it.
  return lost_nanoseconds_.load(std::memory_order_relaxed) / (count_ - 1);
}

Pool::Member& Pool::member(int32_t index) noexcept {
  if (index == 0) return caller_;
  return *workers_[static_cast<size_t>(index - 1)];
}

// Both threads write down where they are when they wait long. If they share a core, both wait long, in turns; so what the other wrote is
// fresh when it matters, and while one was spinning the other could not run. Only a worker moves, and only itself: the caller's thread
// belongs to the user, and a mask that two threads change at once could end as neither meant it.
void Pool::slow_wait(int32_t waiting, int32_t awaited, Signal::Slow stage) noexcept {
  if (!own_cores_) return;
  Member& self = member(waiting);
  const Member& other = member(awaited);
  if (stage == Signal::Slow::ends) return count_loss(self, other);
  const int here = ::sched_getcpu();
  self.processor.store(here, std::memory_order_relaxed);
  const bool together = here >= 0 && other.processor.load(std::memory_order_relaxed) == here;
  if (stage == Signal::Slow::begins) {
    self.wait_begin.store(now(), std::memory_order_relaxed);
    self.awaited_time = nanoseconds(other.processor_clock);
    if (together) lost_nanoseconds_.fetch_add(Signal::spinning_nanoseconds, std::memory_order_relaxed);
  }
  if (together && waiting != 0 && move_away(0, here)) self.processor.store(::sched_getcpu(), std::memory_order_relaxed);
}

// What the awaited thread did not run of the time until it came and, soon, waited in turn: if the waiting one had no core then, that is for
// the other to count.
void Pool::count_loss(const Member& self, const Member& other) noexcept {
  const int64_t begin = self.wait_begin.load(std::memory_order_relaxed), other_begin = other.wait_begin.load(std::memory_order_relaxed);
  const int64_t waited = (other_begin > begin ? other_begin : now()) - begin;
  if (waited < shortest_loss_nanoseconds) return;
  const int64_t lost = waited - (nanoseconds(other.processor_clock) - self.awaited_time);
  if (lost >= shortest_loss_nanoseconds) lost_nanoseconds_.fetch_add(lost, std::memory_order_relaxed);
}

// While the workers sleep: none of them shall wake where the caller is. A mask that somebody else has given to a worker (taskset) stays.
// (One that is just the processor where the worker sleeps cannot be told from its own.)
void Pool::keep_apart() noexcept {
  const int here = ::sched_getcpu();
  caller_.processor.store(here, std::memory_order_relaxed);
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
  if (!own_cores_ || here < 0 || caller_.processor.load(std::memory_order_relaxed) != here) return;
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
    ::pthread_getcpuclockid(worker->thread, &worker->processor_clock);
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
