// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads/barrier.h"
#include "runtime/threads/pool.h"
#include "runtime/threads/processors.h"
#include "support.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tw::test {
namespace {

tw_options with_threads(int32_t count) {
  tw_options options{};
  options.threads = count;
  return options;
}

using Call = void (*)(void* argument, int32_t index);

// A pool that always has as many threads as asked for.
void on_new_threads(void* calls, int32_t count, Call call, void* argument) {
  if (calls != nullptr) ++*static_cast<int*>(calls);
  std::vector<std::thread> threads;
  for (int32_t i = 0; i < count; ++i) threads.emplace_back(call, argument, i);
  for (auto& thread : threads) thread.join();
}

tw_options on_its_own_threads(int32_t count) {
  tw_options options = with_threads(count);
  options.parallel = on_new_threads;
  return options;
}

// More threads than processors: the pool then does not judge whether fewer would be better, so a run has what it asks for.
int32_t crowd() { return static_cast<int32_t>(std::thread::hardware_concurrency()) + 2; }

constexpr int64_t steps = 300;

// Cells 0..63 walk `steps` times to their right neighbour, each step behind a barrier: any thread that is early or late spoils the result.
struct Rotating : Parts {
  Rotating() {
    input("x", {fixed(64)}).output("y", {fixed(64)}).output("threads", {fixed(1)}, i64);
    descriptor.plan = [](const int64_t*, int64_t*) -> int64_t { return 2 * 64 * sizeof(float); };
    descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
      const auto cells = reinterpret_cast<float*>(run->arena);
      const int64_t begin = 64 * thread / run->threads, end = 64 * (thread + 1) / run->threads;
      for (int64_t i = begin; i < end; ++i) cells[i] = static_cast<const float*>(run->inputs[0])[i];
      for (int64_t step = 0; step < steps; ++step) {
        if (run->services->barrier(run, thread) != 0) return 1;
        const float* const from = cells + step % 2 * 64;
        float* const to = cells + (step + 1) % 2 * 64;
        for (int64_t i = begin; i < end; ++i) to[i] = from[(i + 63) % 64] + 1;
      }
      for (int64_t i = begin; i < end; ++i) static_cast<float*>(run->outputs[0])[i] = cells[steps % 2 * 64 + i];
      if (thread == 0) *static_cast<int64_t*>(run->outputs[1]) = run->threads;
      return 0;
    };
  }
};

// One run, checked; returns the number of threads that it had.
int64_t run_and_check(Session& session) {
  Floats x = Floats::counting({64});
  std::vector<tw_tensor> outputs(2);
  EXPECT_EQ(session.run({x.tensor()}, outputs), TW_OK) << tw_last_error();
  std::vector<float> expected(64);
  for (int64_t i = 0; i < 64; ++i) expected[static_cast<size_t>(i)] = static_cast<float>((i + 64 * steps - steps) % 64 + steps);
  EXPECT_EQ(values(outputs[0]), expected);
  return *static_cast<int64_t*>(outputs[1].data);
}

double process_seconds() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

TEST(Threads, any_number_of_them_gives_the_same_result) {
  Rotating parts;
  for (int32_t count : {1, 2, 3, 4, 7}) {
    Session session(parts, with_threads(count));
    EXPECT_EQ(tw_session_threads(session.get()), count);
    for (int i = 0; i < 20; ++i) run_and_check(session);
  }
}

TEST(Threads, all_that_were_asked_for_take_part_when_there_are_more_of_them_than_processors) {
  Rotating parts;
  Session session(parts, with_threads(crowd()));
  EXPECT_EQ(run_and_check(session), crowd());
}

TEST(Threads, short_runs_use_only_the_caller) {
  Rotating parts;
  parts.descriptor.predict = [](const int64_t*) { return 14'000.0; };
  Session session(parts, with_threads(crowd()));
  EXPECT_EQ(tw_session_threads(session.get()), 1);
  EXPECT_EQ(run_and_check(session), 1);
  parts.descriptor.predict = [](const int64_t*) { return 61'000.0; };
  Session longer(parts, with_threads(crowd()));
  EXPECT_EQ(tw_session_threads(longer.get()), crowd());
  EXPECT_EQ(run_and_check(longer), crowd());
}

// In a crowd workers do not linger.
TEST(Threads, runs_of_middling_length_are_shared_once_some_have_followed_each_other_closely) {
  Rotating parts;
  parts.descriptor.predict = [](const int64_t*) { return 30'000.0; };
  const int32_t count = crowd();
  Session session(parts, with_threads(count));
  EXPECT_EQ(run_and_check(session), 1);
  std::set<int64_t> found;
  for (int i = 0; i < 2000 && !found.contains(count); ++i) found.insert(run_and_check(session));
  EXPECT_TRUE(found.contains(1));
  EXPECT_TRUE(found.contains(count));
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(run_and_check(session), 1);
}

TEST(Threads, the_sizes_of_a_run_decide_whether_it_is_short) {
  Rotating parts;
  parts.with_symbol("n", 1, 100).input("z", {symbol(0)});
  parts.descriptor.predict = [](const int64_t* symbols) { return 10'000.0 * static_cast<double>(symbols[0]); };
  Session session(parts, with_threads(crowd()));
  EXPECT_EQ(tw_session_threads(session.get()), crowd());
  for (int64_t n : {1, 20, 1}) {
    Floats x = Floats::counting({64}), z = Floats::counting({n});
    std::vector<tw_tensor> outputs(2);
    ASSERT_EQ(session.run({x.tensor(), z.tensor()}, outputs), TW_OK) << tw_last_error();
    EXPECT_EQ(*static_cast<int64_t*>(outputs[1].data), n == 1 ? 1 : crowd());
  }
}

TEST(Threads, scratch_is_each_threads_own_and_aligned) {
  Parts parts;
  parts.descriptor.scratch_bytes = 192;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    const auto own = run->scratch + thread * 192;
    if (reinterpret_cast<uintptr_t>(own) % 64 != 0) return 1;
    std::fill(own, own + 192, static_cast<unsigned char>(thread + 1));
    if (run->services->barrier(run, thread) != 0) return 1;
    return std::all_of(own, own + 192, [&](unsigned char byte) { return byte == thread + 1; }) ? 0 : 1;
  };
  Session session(parts, with_threads(4));
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({}, none), TW_OK) << tw_last_error();
}

TEST(Threads, an_idle_process_uses_no_processor_time) {
  Rotating parts;
  Session session(parts, with_threads(4));
  run_and_check(session);
  const double before = process_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_LT(process_seconds() - before, 0.010);
}

TEST(Threads, a_failure_of_one_ends_all_of_them_wherever_it_happens) {
  static int32_t culprit, at_barrier;
  Parts parts;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    for (int32_t i = 0; i < 10; ++i) {
      if (thread == culprit && i == at_barrier) {
        run->services->fail(run, TW_USER_ERROR, "row 3 is missing");
        return 1;
      }
      if (run->services->barrier(run, thread) != 0) return 1;
    }
    return 0;
  };
  Session session(parts, on_its_own_threads(3));
  for (culprit = 0; culprit < 3; ++culprit)
    for (at_barrier = 0; at_barrier < 10; ++at_barrier) EXPECT_EQ(session.error_of({}), "row 3 is missing");
  culprit = 99;
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({}, none), TW_OK) << "the next run starts anew: " << tw_last_error();
}

TEST(Threads, sessions_on_several_threads_share_the_pool_and_give_the_same_results) {
  Rotating parts;
  const tw_module_descriptor& descriptor = parts.finished();
  std::vector<std::thread> users;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([&] {
      Session session(descriptor, with_threads(2));
      for (int i = 0; i < 50; ++i) run_and_check(session);
    });
  for (auto& user : users) user.join();
}

// Keeps a core busy as another process does, wherever the system puts it.
class Busy {
public:
  ~Busy() {
    over_ = true;
    thread_.join();
  }

private:
  std::atomic<bool> over_{false};
  std::thread thread_{[this] {
    while (!over_) {}
  }};
};

TEST(Threads, results_stay_the_same_while_cores_are_busy_and_after) {
  Rotating parts;
  const size_t cores = std::thread::hardware_concurrency();
  Session session(parts, with_threads(static_cast<int32_t>(cores))), other(parts, with_threads(2));
  for (size_t count : {size_t{1}, cores, size_t{0}}) {
    std::vector<std::unique_ptr<Busy>> busy(count);
    for (auto& one : busy) one = std::make_unique<Busy>();
    // Long enough for the pool to have changed its mind some times.
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(600);
    std::thread second([&] {
      while (std::chrono::steady_clock::now() < end) {
        run_and_check(other);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
    while (std::chrono::steady_clock::now() < end) run_and_check(session);
    second.join();
  }
}

TEST(Threads, what_a_busy_core_has_taught_does_not_count_for_more_threads_than_processors) {
  Rotating parts;
  Session session(parts, with_threads(2)), crowded(parts, with_threads(crowd()));
  std::vector<std::unique_ptr<Busy>> busy(std::thread::hardware_concurrency() - 1);
  for (auto& one : busy) one = std::make_unique<Busy>();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) run_and_check(session);
  EXPECT_EQ(run_and_check(crowded), crowd());
}

TEST(Threads, a_session_that_finds_the_pool_busy_runs_on_its_caller) {
  static Session* inner;
  static int64_t inner_threads;
  Rotating rotating;
  Session nested(rotating, with_threads(2));
  inner = &nested;
  Parts parts;
  parts.descriptor.entry = [](tw_run*, int32_t thread) -> int32_t {
    if (thread == 0) inner_threads = run_and_check(*inner);
    return 0;
  };
  Session session(parts, with_threads(crowd()));
  std::vector<tw_tensor> none;
  ASSERT_EQ(session.run({}, none), TW_OK) << tw_last_error();
  EXPECT_EQ(inner_threads, 1);
}

TEST(Threads, a_child_process_has_a_pool_of_its_own) {
  Rotating parts;
  const int32_t count = crowd();
  Session session(parts, with_threads(count));
  run_and_check(session);
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      const bool right = run_and_check(session) == count && run_and_check(session) == count;
      ::_exit(right && !::testing::Test::HasFailure() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    run_and_check(session);
  }
}

TEST(CustomPool, runs_all_threads) {
  Rotating parts;
  int calls = 0;
  tw_options options = on_its_own_threads(3);
  options.pool = &calls;
  Session session(parts, options);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(run_and_check(session), 3);
    EXPECT_EQ(calls, i);
  }
}

TEST(CustomPool, that_does_one_call_after_the_other_gives_the_same_result_and_is_left_alone_for_some_runs) {
  Rotating parts;
  int calls = 0;
  tw_options options = with_threads(3);
  options.pool = &calls;
  options.parallel = [](void* count, int32_t threads, Call call, void* argument) {
    ++*static_cast<int*>(count);
    for (int32_t i = 0; i < threads; ++i) call(argument, i);
  };
  Session session(parts, options);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(run_and_check(session), 1);
  EXPECT_EQ(calls, 1);
}

TEST(CustomPool, that_calls_too_few_or_wrong_indices_does_not_hang_the_run) {
  Rotating parts;
  tw_options options = with_threads(3);
  options.parallel = [](void*, int32_t, Call call, void* argument) {
    call(argument, -1);
    call(argument, 3);
    call(argument, 2);
  };
  Session few(parts, options);
  EXPECT_EQ(run_and_check(few), 1);
  options.parallel = [](void*, int32_t, Call, void*) {};
  Session none(parts, options);
  EXPECT_EQ(run_and_check(none), 1);
}

TEST(Pool, runs_each_index_once_for_any_number_of_threads) {
  static std::array<std::atomic<int>, 16> seen;
  runtime::Pool& pool = runtime::Pool::shared();
  for (int round = 0; round < 200; ++round) {
    const int32_t most = 3 + round % 7;
    int32_t threads = 0;
    for (auto& times : seen) times = 0;
    pool.run(
        most, threads, [](void*, int32_t index) { ++seen[static_cast<size_t>(index)]; }, nullptr);
    ASSERT_GE(threads, 1);
    ASSERT_LE(threads, most);
    for (int32_t i = 0; i < 16; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], i < threads ? 1 : 0);
  }
}

std::set<std::string> tasks() {
  std::set<std::string> result;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) result.insert(entry.path().filename());
  return result;
}

// What one session's run is to a pool: threads that meet at barriers, and tell the pool of long waits.
struct Meeting {
  runtime::Pool* pool;
  int32_t threads = 0;
  runtime::Barrier barrier{2};

  int32_t run() {
    barrier.reset();
    pool->run(
        2, threads, [](void* meeting, int32_t index) { static_cast<Meeting*>(meeting)->meet(index); }, this);
    return threads;
  }
  void meet(int32_t index) {
    for (int step = 0; step < 300; ++step)
      barrier.wait(index, threads, [&](int32_t other, runtime::Signal::Slow stage) { pool->slow_wait(index, other, stage); });
    barrier.leave(index);
  }
};

TEST(Pool, uses_fewer_threads_for_a_while_when_they_cannot_leave_one_core) {
  using runtime::AffinityMask;
  if (AffinityMask::of(0).processors().size() < 2) GTEST_SKIP() << "only one processor";
  // A pool of its own, whose worker sleeps in it until the process ends.
  static std::vector<runtime::Pool*> pools;
  runtime::Pool* const pool = pools.emplace_back(new runtime::Pool);
  std::thread([pool] {
    Meeting meeting{pool};
    const auto before = tasks();
    ASSERT_EQ(meeting.run(), 2);
    pid_t worker = 0;
    for (const std::string& name : tasks())
      if (!before.contains(name)) worker = std::stoi(name);
    ASSERT_NE(worker, 0);
    while (AffinityMask::of(worker).processors().size() > 1) std::this_thread::yield(); // until it sleeps
    // As taskset does it to a running process: both may use only one processor, not the one where the worker sleeps.
    const auto whole = AffinityMask::of(0).processors();
    const AffinityMask one = AffinityMask::only(AffinityMask::of(worker).contains(whole[0]) ? whole[1] : whole[0]);
    ASSERT_TRUE(one.apply(0));
    ASSERT_TRUE(one.apply(worker));
    const auto seen = [&](int32_t threads) {
      for (int i = 0; i < 10'000'000; ++i)
        if (meeting.run() == threads) return true;
      return false;
    };
    EXPECT_TRUE(seen(1));
    EXPECT_TRUE(seen(2)) << "they are tried again";
  }).join();
}

TEST(Barrier, keeps_threads_within_one_step_of_each_other) {
  static std::array<std::atomic<int64_t>, 4> position;
  static std::atomic<bool> torn;
  torn = false;
  for (auto& cell : position) cell = 0;
  Parts parts;
  parts.descriptor.entry = [](tw_run* run, int32_t thread) -> int32_t {
    for (int64_t step = 1; step <= 20000; ++step) {
      position[static_cast<size_t>(thread)] = step;
      if (run->services->barrier(run, thread) != 0) return 1;
      for (int32_t other = 0; other < run->threads; ++other) {
        const int64_t at = position[static_cast<size_t>(other)];
        if (at != step && at != step + 1) torn = true;
      }
    }
    return 0;
  };
  Session session(parts, with_threads(2)), crowded(parts, with_threads(4));
  std::vector<tw_tensor> none;
  EXPECT_EQ(session.run({}, none), TW_OK) << tw_last_error();
  EXPECT_FALSE(torn);
  for (auto& cell : position) cell = 0;
  EXPECT_EQ(crowded.run({}, none), TW_OK) << tw_last_error();
  EXPECT_FALSE(torn);
}

} // namespace
} // namespace tw::test
