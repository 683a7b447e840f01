// SPDX-License-Identifier: Apache-2.0
// What generated code may call during a run (tw_services in artifact.h). Nothing here throws: errors are recorded in the run.
#include "runtime/session.h"
#include "runtime/tensors.h"

#include <chrono>
#include <cstddef>

namespace tw::runtime {
namespace {

tw_session& session_of(tw_run* run) {
  return *reinterpret_cast<RunBlock*>(reinterpret_cast<unsigned char*>(run) - offsetof(RunBlock, run))->session;
}

template <class Body> void* or_record(tw_session& session, Body&& body) noexcept {
  try {
    return body();
  } catch (const Failure& failure) { session.failure.record(failure.status, failure.what()); } catch (...) {
    session.failure.record(TW_USER_ERROR, "out of memory in the runtime's own bookkeeping; free memory or use smaller inputs");
  }
  return nullptr;
}

int32_t barrier(tw_run* run, int32_t thread) {
  tw_session& session = session_of(run);
  if (run->threads > 1)
    session.barrier.wait(thread, run->threads,
                         [&](int32_t awaited, Signal::Slow stage) { session.team.slow_wait(thread, awaited, stage); });
  return session.failure.failed() ? 1 : 0;
}

void* allocate(tw_run* run, int32_t slot, int64_t bytes) {
  tw_session& session = session_of(run);
  return or_record(session, [&]() -> void* {
    if (slot < 0 || slot >= session.descriptor.slot_count)
      throw Failure(TW_INTERNAL_ERROR,
                    text("expected a slot from 0 to ", session.descriptor.slot_count - 1, ", the module asked for ", slot));
    if (bytes < 0)
      throw Failure(TW_USER_ERROR, text("a value computed during the run is too large for memory (slot ", slot, "); use smaller inputs"));
    tw::runtime::Buffer& memory = session.slots[static_cast<size_t>(slot)];
    run->slots[slot] = memory.ensure(static_cast<size_t>(bytes), "a value computed during the run");
    if (session.poisons) memory.poison();
    return run->slots[slot];
  });
}

void* output(tw_run* run, int32_t index, int32_t rank, const int64_t* shape) {
  tw_session& session = session_of(run);
  return or_record(session, [&] {
    if (rank < 0 || rank > TW_MAX_RANK)
      throw Failure(TW_INTERNAL_ERROR, text("output ", index, ": expected a rank from 0 to ", TW_MAX_RANK, ", the module computed ", rank));
    return prepare_output(session, index, {shape, static_cast<size_t>(rank)});
  });
}

void fail(tw_run* run, int32_t kind, const char* message) {
  const tw_status status = kind == TW_USER_ERROR || kind == TW_UNSUPPORTED ? static_cast<tw_status>(kind) : TW_INTERNAL_ERROR;
  session_of(run).failure.record(status, message != nullptr ? message : "the module gave no reason");
}

class Stopwatch {
public:
  explicit Stopwatch(Launch* launch) : launch_(launch) {
    if (launch_ != nullptr) begun_ = std::chrono::steady_clock::now();
  }
  ~Stopwatch() {
    if (launch_ != nullptr) launch_->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

private:
  Launch* const launch_;
  std::chrono::steady_clock::time_point begun_;
};

int32_t walk(tw_run* run, int32_t thread, const tw_step* steps, int32_t count, const int64_t* bases, int64_t* values) {
  tw_session& session = session_of(run);
  unsigned char* const scratch = run->scratch + thread * session.descriptor.scratch_bytes;
  const bool profiles = run->profiling != 0 && thread == 0;
  for (const tw_step* step = steps; step != steps + count; ++step) {
    if (step->kernel == nullptr) {
      if (barrier(run, thread) != 0) return 1;
      continue;
    }
    if (step->shared == 0 && thread != 0) continue;
    for (int32_t i = 0; i < step->operand_count; ++i) values[i] = bases[step->operands[i].base] + step->operands[i].offset;
    const auto launch = static_cast<size_t>(step->launch);
    const Stopwatch stopwatch(profiles && launch < session.launches.size() ? &session.launches[launch] : nullptr);
    step->kernel(run, values, thread, step->shared != 0 ? run->threads : 1, scratch);
  }
  return 0;
}

} // namespace

const tw_services services = {barrier, allocate, output, fail, walk};

void RunFailure::record(tw_status status, const char* message) noexcept {
  const std::lock_guard lock(mutex_);
  if (failed_.load(std::memory_order_relaxed)) return;
  status_ = status;
  try {
    message_ = message;
  } catch (...) { message_.clear(); }
  failed_.store(true, std::memory_order_release);
}

void RunFailure::throw_if_failed() const {
  if (failed()) throw Failure(status_, message_.empty() ? "out of memory while an error was reported" : message_);
}

} // namespace tw::runtime
