// SPDX-License-Identifier: Apache-2.0
// One run, from top to bottom: check inputs, plan memory if sizes have changed, prepare outputs, let the threads walk the module's entry
// function, hand the outputs over.
#include "runtime/session.h"

#include "runtime/threads/processors.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace tw::runtime {
namespace {

constexpr int32_t most_threads = 1024;
// Waking a worker costs some tens of microseconds: shorter runs do not earn it back. Runs that follow each other closely find it awake, and
// then it is only some barriers that must be earned back; a few such runs must have come before one pays for waking it.
constexpr double shortest_shared_run_ns = 60'000, shortest_shared_run_of_many_ns = 15'000;
constexpr int quick_runs_before_sharing = 3;

int32_t thread_count(const tw_module_descriptor& descriptor, const tw_options& options) {
  if (options.threads < 0 || options.threads > most_threads)
    throw Failure(TW_USER_ERROR,
                  text("option threads: expected 0 (what this process may use) to ", most_threads, ", found ", options.threads));
  if (descriptor.symbol_count == 0 && descriptor.predict != nullptr && descriptor.predict(nullptr) < shortest_shared_run_of_many_ns)
    return 1;
  return options.threads != 0 ? options.threads : std::min(most_threads, default_thread_count());
}

void check_count(const char* what, size_t expected, size_t found, const char* module) {
  if (expected != found) throw Failure(TW_USER_ERROR, text("module '", module, "': expected ", expected, " ", what, ", found ", found));
}

// A tool for tests of the compiler: a module that reads memory before it has written it gives NaN instead of yesterday's numbers.
bool poison_wanted() {
  const char* value = std::getenv("TENSORWRIGHT_POISON");
  return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
}

} // namespace
} // namespace tw::runtime

using namespace tw::runtime;

tw_session::tw_session(tw_module& used_module, const tw_options& used_options)
    : module(used_module), descriptor(*used_module.descriptor), options(used_options), threads(thread_count(descriptor, options)),
      poisons(poison_wanted()), barrier(static_cast<size_t>(threads)) {
  const auto count = [](int32_t number) { return static_cast<size_t>(number); };
  symbols.assign(count(descriptor.symbol_count), 0);
  symbol_givers.assign(symbols.size(), nullptr);
  offsets.assign(count(descriptor.offset_count), 0);
  input_copies.resize(count(descriptor.input_count));
  input_data.assign(count(descriptor.input_count), nullptr);
  outputs.resize(count(descriptor.output_count));
  output_data.assign(count(descriptor.output_count), nullptr);
  slots.resize(count(descriptor.slot_count));
  launches.resize(options.profile != 0 ? count(descriptor.launch_count) : 0);
  size_t scratch_bytes;
  if (__builtin_mul_overflow(static_cast<size_t>(descriptor.scratch_bytes), count(threads), &scratch_bytes))
    throw Failure(TW_USER_ERROR, text("cannot allocate ", descriptor.scratch_bytes, " bytes of scratch for each of ", threads, " threads"));
  scratch.ensure(scratch_bytes, "the scratch of ", threads, " threads");
  block_memory = std::make_unique<unsigned char[]>(sizeof(RunBlock) + slots.size() * sizeof(void*));
  block = new (block_memory.get()) RunBlock{};
  block->session = this;
  tw_run& run = context();
  run.services = &services;
  run.profiling = options.profile != 0 ? 1 : 0;
  run.inputs = input_data.data();
  run.outputs = output_data.data();
  run.symbols = symbols.data();
  run.offsets = offsets.data();
  run.scratch = scratch.data();
  run.weights = descriptor.weights;
  module.users.fetch_add(1);
}

tw_session::~tw_session() { tw_module_release(&module); }

void tw_session::run(std::span<const tw_tensor> inputs, std::span<tw_tensor> user_outputs) {
  check_count("inputs", input_data.size(), inputs.size(), descriptor.name);
  check_count("outputs", output_data.size(), user_outputs.size(), descriptor.name);
  failure.reset();
  user_inputs = inputs;
  bind_inputs(*this, inputs);
  plan();
  begin_outputs(*this, user_outputs);
  run_threads();
  failure.throw_if_failed();
  finish_outputs(*this, user_outputs);
}

void tw_session::plan() {
  if (planned && symbols == planned_symbols) return;
  planned = false;
  const int64_t bytes = descriptor.plan != nullptr ? descriptor.plan(symbols.data(), offsets.data()) : 0;
  if (bytes < 0)
    throw Failure(TW_USER_ERROR,
                  text("module '", descriptor.name, "': these inputs need more memory than any machine has; use smaller inputs"));
  arena.ensure(static_cast<size_t>(bytes), "the arena of module '", descriptor.name, "'");
  arena_bytes = static_cast<size_t>(bytes);
  predicted_nanoseconds = descriptor.predict != nullptr ? descriptor.predict(symbols.data()) : 0;
  describe_launches();
  planned_symbols = symbols;
  planned = true;
}

// With the values that the symbols have now.
void tw_session::describe_launches() {
  constexpr std::string_view gap = "{}";
  std::vector<size_t> gaps;
  std::vector<double> amounts;
  for (size_t i = 0; i < launches.size(); ++i) {
    Launch& launch = launches[i];
    launch.description = descriptor.launches[i];
    launch.shape = launch.description.shape != nullptr ? launch.description.shape : "";
    amounts.insert(amounts.end(), {launch.description.flops, launch.description.bytes, launch.description.predicted_ns});
    for (size_t at = launch.shape.find(gap); at != std::string::npos; at = launch.shape.find(gap, at + gap.size())) gaps.push_back(i);
  }
  std::vector<int64_t> sizes(gaps.size());
  if (descriptor.describe != nullptr && !launches.empty()) {
    descriptor.describe(symbols.data(), sizes.data(), amounts.data());
    for (size_t k = 0; k < gaps.size(); ++k) {
      std::string& shape = launches[gaps[k]].shape;
      shape.replace(shape.find(gap), gap.size(), std::to_string(sizes[k]));
    }
  }
  for (size_t i = 0; i < launches.size(); ++i) {
    tw_launch& description = launches[i].description;
    description.shape = launches[i].shape.c_str();
    description.flops = amounts[3 * i];
    description.bytes = amounts[3 * i + 1];
    description.predicted_ns = amounts[3 * i + 2];
  }
}

int32_t tw_session::threads_of_run() {
  if (threads == 1 || predicted_nanoseconds <= 0 || predicted_nanoseconds >= shortest_shared_run_ns) return threads;
  if (predicted_nanoseconds < shortest_shared_run_of_many_ns || options.parallel != nullptr) return 1;
  const auto pause = std::chrono::steady_clock::now() - last_end;
  quick_runs = pause < std::chrono::nanoseconds(Pool::lingering_nanoseconds) ? quick_runs + 1 : 0;
  return quick_runs > quick_runs_before_sharing ? threads : 1;
}

void tw_session::run_threads() {
  tw_run& run = context();
  run.arena = arena.data();
  if (poisons) {
    arena.poison();
    scratch.poison();
  }
  std::fill_n(run.slots, slots.size(), nullptr);
  for (Launch& launch : launches) launch.seconds = 0;
  barrier.reset();
  team.run(options, threads_of_run(), run.threads, enter, this);
  last_end = std::chrono::steady_clock::now();
}

void tw_session::enter(void* pointer, int32_t thread) {
  auto& session = *static_cast<tw_session*>(pointer);
  tw_run& run = session.context();
  if (session.descriptor.entry(&run, thread) != 0)
    session.failure.record(TW_INTERNAL_ERROR, "the module's entry function failed without giving a reason");
  session.barrier.leave(thread);
}
