// SPDX-License-Identifier: Apache-2.0
// A session: the memory of one module's runs, and one run at a time. session.cpp runs; inputs.cpp and outputs.cpp check and prepare the
// user's tensors; services.cpp is what generated code calls meanwhile; threads/team.h brings the threads together.
#pragma once

#include "runtime/buffer.h"
#include "runtime/module.h"
#include "runtime/threads/barrier.h"
#include "runtime/threads/team.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace tw::runtime {

extern const tw_services services;

// One output during a run.
struct Output {
  const tw_tensor* user = nullptr; // what the user gave; null: the session provides the memory
  bool copied = false;             // the user's memory cannot be written directly: `memory` is, and copied at the end
  bool produced = false;
  void* data = nullptr;
  std::vector<int64_t> shape;
  Buffer memory;
};

// The first error of a run, from whichever thread.
class RunFailure {
public:
  void reset() noexcept { failed_.store(false, std::memory_order_relaxed); }
  bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  void record(tw_status status, const char* message) noexcept;
  // Contract: no thread is running.
  void throw_if_failed() const;

private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  tw_status status_ = TW_OK;
  std::string message_;
};

// Of a session that profiles.
struct Launch {
  double seconds = 0;      // of the last run
  tw_launch description{}; // with its sizes
  std::string shape;       // its text
};

// What generated code sees stands at the end of this block, since the number of slots is the module's.
struct RunBlock {
  tw_session* session;
  tw_run run;
};

} // namespace tw::runtime

struct tw_session {
  tw_session(tw_module& used_module, const tw_options& used_options);
  ~tw_session();
  tw_session(const tw_session&) = delete;
  tw_session& operator=(const tw_session&) = delete;

  // Throws Failure.
  void run(std::span<const tw_tensor> inputs, std::span<tw_tensor> outputs);

  tw_run& context() const { return block->run; }

  tw_module& module;
  const tw_module_descriptor& descriptor;
  const tw_options options;
  const int32_t threads; // at most
  const bool poisons;    // memory is filled with NaN before each run
  std::atomic<bool> running{false};

  std::vector<int64_t> symbols, planned_symbols, offsets;
  std::vector<const tw_port*> symbol_givers; // by which input each symbol has its value
  bool planned = false;
  double predicted_nanoseconds = 0; // of a run on one thread with the planned sizes; 0: unknown
  size_t arena_bytes = 0;
  tw::runtime::Buffer arena, scratch;
  std::vector<tw::runtime::Buffer> input_copies, slots;
  std::vector<const void*> input_data;
  std::vector<tw::runtime::Output> outputs;
  std::vector<void*> output_data;
  std::span<const tw_tensor> user_inputs; // during a run
  std::vector<tw::runtime::Launch> launches;
  tw::runtime::RunFailure failure;
  tw::runtime::Barrier barrier;
  tw::runtime::Team team;
  std::unique_ptr<unsigned char[]> block_memory;
  tw::runtime::RunBlock* block = nullptr;

private:
  void plan();
  void describe_launches();
  void run_threads();
  int32_t threads_of_run();

  // Runs of middling length that began soon after the one before.
  int quick_runs = 0;
  std::chrono::steady_clock::time_point last_end;
  static void enter(void* session, int32_t thread);
};

namespace tw::runtime {

// Checks the inputs, gives the symbols their values, fills session.input_data. Throws Failure.
void bind_inputs(tw_session& session, std::span<const tw_tensor> inputs);

// Before the run: checks the user's outputs and prepares all whose shape is known. During it: prepares one. After it: copies, and tells the
// user. All throw Failure.
void begin_outputs(tw_session& session, std::span<tw_tensor> outputs);
void* prepare_output(tw_session& session, int32_t index, std::span<const int64_t> shape);
void finish_outputs(tw_session& session, std::span<tw_tensor> outputs);

} // namespace tw::runtime
