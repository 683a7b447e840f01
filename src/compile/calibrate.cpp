// SPDX-License-Identifier: Apache-2.0
#include "compile/calibrate.h"

#include "base/diagnostics.h"
#include "codegen/llvm/probe.h"
#include "runtime/threads/barrier.h"
#include "runtime/threads/pool.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace tw::compile {
namespace {

using codegen::Probe;
using Work = std::function<void(int)>; // of the thread with this number

double seconds_of(auto&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// All threads at once, each on a processor of its own, from a common start; the time of the slowest.
class Together {
public:
  explicit Together(int threads) : threads_(threads), barrier_(static_cast<size_t>(threads)), seconds_(static_cast<size_t>(threads)) {}

  double seconds(const Work& work) {
    if (threads_ == 1) return seconds_of([&] { work(0); });
    barrier_.reset();
    auto task = [&](int thread) {
      hold(thread);
      seconds_[static_cast<size_t>(thread)] = seconds_of([&] { work(thread); });
    };
    {
      const std::vector<int> processors = runtime::AffinityMask::of(0).processors();
      std::vector<std::jthread> all;
      for (int thread = 0; thread < threads_; ++thread)
        all.emplace_back([&, thread] {
          if (!processors.empty()) runtime::AffinityMask::only(processors[static_cast<size_t>(thread) % processors.size()]).apply(0);
          task(thread);
        });
    }
    return *std::max_element(seconds_.begin(), seconds_.end());
  }
  void hold(int32_t thread) {
    barrier_.wait(thread, threads_, [](int32_t, runtime::Signal::Slow) {});
  }
  int threads() const { return threads_; }

private:
  int threads_;
  runtime::Barrier barrier_;
  std::vector<double> seconds_;
};

// Pages that are there, zero, in whole huge ones where the system has them.
class Pages {
public:
  explicit Pages(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    address_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address_ == MAP_FAILED) throw user_error("cannot get {} bytes of memory to measure with", bytes);
    ::madvise(address_, bytes_, MADV_HUGEPAGE);
    for (size_t i = 0; i < bytes_; i += 4096) data()[i] = std::byte{1};
  }
  ~Pages() { ::munmap(address_, bytes_); }
  Pages(const Pages&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(address_); }

private:
  size_t bytes_;
  void* address_;
};

// The best rate of some rounds, `amount` a pass of each thread; a round is passes of about `round_seconds`.
double best_rate(Together& team, double amount, double round_seconds, int rounds, const Work& pass) {
  double once = team.seconds(pass);
  int passes = std::max(1, static_cast<int>(round_seconds / std::max(once, 1e-7)));
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    double seconds = team.seconds([&](int thread) {
      for (int i = 0; i < passes; ++i) pass(thread);
    });
    best = std::max(best, amount * passes * team.threads() / seconds);
  }
  return best;
}

double read_gigabytes(Together& team, const Probe& probe, const Pages& pages, int64_t bytes_of_each) {
  double best = 0;
  for (bool ahead : {false, true})
    best = std::max(best, best_rate(team, static_cast<double>(bytes_of_each), 2e-3, 8,
                                    [&](int thread) { probe.read(pages.data() + thread * bytes_of_each, bytes_of_each, ahead); }));
  return best * 1e-9;
}

// Read and written bytes together; the first half of the pages to the second.
double copy_gigabytes(Together& team, const Probe& probe, const Pages& pages, int64_t bytes_of_all, bool past_caches) {
  int64_t half = bytes_of_all / 2, each = half / team.threads() / Probe::granule * Probe::granule;
  return 1e-9 * best_rate(team, 2 * static_cast<double>(each), 2e-3, 6, [&](int thread) {
           probe.copy(pages.data() + thread * each, pages.data() + half + thread * each, each, past_caches);
         });
}

int64_t whole(int64_t bytes) { return std::max<int64_t>(1, bytes / Probe::granule) * Probe::granule; }

void measure_peaks(Calibration& out, Together& one, Together& all, const FeatureSet& features) {
  for (const char* name : {"x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    Target target = parse_target(name);
    if (!std::ranges::includes(features, target.features)) continue;
    Probe probe(target);
    const Work pass = [&](int) { probe.multiply_add(); };
    double flops = probe.multiply_add_flops();
    out.peaks[target.vector_bytes] = {best_rate(one, flops, 1e-3, 60, pass) * 1e-9, best_rate(all, flops, 1e-3, 60, pass) * 1e-9};
  }
}

void measure_memory(Calibration& out, Together& one, Together& all, const Target& target, const Probe& probe) {
  int64_t available = static_cast<int64_t>(::sysconf(_SC_AVPHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  // Well beyond the last level of cache, if there is so much.
  int64_t large = whole(std::min({4 * target.l3_bytes, available / 4, int64_t{1} << 30}));
  Pages pages(std::max(large, whole(target.l2_bytes * 4)));
  out.l1_gigabytes = read_gigabytes(one, probe, pages, whole(target.l1_bytes / 2));
  out.l2_gigabytes = read_gigabytes(one, probe, pages, whole(target.l2_bytes / 2));
  // The last level is shared, with other machines too in a cloud: a part that one core may hope for.
  int64_t shared = std::min({large / 4, target.l3_bytes / (2 * target.cores), 8 * target.l2_bytes});
  out.l3_gigabytes = read_gigabytes(one, probe, pages, whole(std::max(shared, 2 * target.l2_bytes)));
  out.read = {read_gigabytes(one, probe, pages, large), read_gigabytes(all, probe, pages, whole(large / all.threads()))};
  out.copy = {copy_gigabytes(one, probe, pages, large, false), copy_gigabytes(all, probe, pages, large, false)};
  out.copy_past_caches = {copy_gigabytes(one, probe, pages, large, true), copy_gigabytes(all, probe, pages, large, true)};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// A barrier while all threads run.
double barrier_seconds(Together& all) {
  constexpr int barriers = 2000;
  std::vector<double> seconds;
  for (int round = 0; round < 20; ++round)
    seconds.push_back(all.seconds([&](int thread) {
      for (int i = 0; i < barriers; ++i) all.hold(thread);
    }) / barriers);
  return median(seconds);
}

// A task of the shared pool whose workers sleep before. Nothing if the pool would rather have fewer.
std::optional<double> wake_seconds(int threads) {
  std::vector<double> seconds;
  for (int task = 0; task < 40; ++task) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    int32_t ran = 0;
    double time = seconds_of([&] {
      runtime::Pool::shared().run(
          threads, ran, [](void*, int32_t) {}, nullptr);
    });
    if (ran == threads) seconds.push_back(time);
  }
  return seconds.empty() ? std::nullopt : std::optional(median(seconds));
}

} // namespace

Calibration calibrate() {
  const Target target = native_target();
  Together one(1), all(target.cores);
  Probe probe(target);
  Calibration out;
  out.gigahertz = best_rate(one, Probe::chain_cycles, 1e-3, 60, [&](int) { probe.chain(); }) * 1e-9;
  measure_peaks(out, one, all, target.features);
  measure_memory(out, one, all, target, probe);
  // Of one thread, neither costs anything; what is not measured stays as it was.
  out.barrier_ns = std::max(1.0, barrier_seconds(all) * 1e9);
  out.wake_ns = wake_seconds(all.threads()).value_or(target.cost.wake_ns * 1e-9) * 1e9;
  return out;
}

} // namespace tw::compile
