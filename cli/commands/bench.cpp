// SPDX-License-Identifier: Apache-2.0
// tensorwright bench: the time of whole runs, after a warm-up.
#include "cli/measure.h"

namespace tw::cli {
namespace {

int run(const ModelOptions& options, const InputOptions& input_options, const MeasureOptions& measure, Output& output) {
  LoadedModel model(options);
  const NamedTensors inputs = make_inputs(model.descriptor(), input_options, options.sizes());
  Runner runner(model, options.threads, false);
  const Samples samples = measure_runs(runner, inputs, measure);
  const int threads = tw_session_threads(runner.session());
  output.result = {{"threads", threads},
                   {"runs", samples.size()},
                   {"median_seconds", samples.quantile(0.5)},
                   {"p10_seconds", samples.quantile(0.1)},
                   {"p90_seconds", samples.quantile(0.9)},
                   {"min_seconds", samples.quantile(0)},
                   {"arena_bytes", tw_session_arena_bytes(runner.session())},
                   {"weight_bytes", model.descriptor().weight_bytes}};
  Table table({"median", "p10", "p90", "min", "runs", "threads"});
  table.row({time_text(samples.quantile(0.5)), time_text(samples.quantile(0.1)), time_text(samples.quantile(0.9)),
             time_text(samples.quantile(0)), std::to_string(samples.size()), std::to_string(threads)});
  output.line(table.text());
  return exit_ok;
}

} // namespace

extern const Command bench_command = {.name = "bench", .summary = "measure the time of runs", .declare = [](CLI::App& app) -> Action {
                                        auto options = std::make_shared<ModelOptions>();
                                        auto inputs = std::make_shared<InputOptions>();
                                        auto measure = std::make_shared<MeasureOptions>();
                                        options->declare(app);
                                        inputs->declare(app);
                                        measure->declare(app);
                                        return [=](Output& output) { return run(*options, *inputs, *measure, output); };
                                      }};

} // namespace tw::cli
