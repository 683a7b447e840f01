// SPDX-License-Identifier: Apache-2.0
// tensorwright compile: a model into one self-contained file.
#include "cli/comparison.h"

namespace tw::cli {
namespace {

int run(const ModelOptions& options, std::string path, bool check, Output& output) {
  if (is_exported(options.path)) throw user_error("{} is compiled already", options.path).hint("compile the model that it was made from");
  if (path.empty()) path = std::filesystem::path(options.path).stem().string() + ".so";
  LoadedModel model(options);
  // What fails is not written.
  if (check)
    if (const int code = check_against_float64(options, model, {}, output); code != exit_ok) return code;
  model.compiled()->save(path);
  const compile::Report& report = model.compiled()->report();
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path));
  output.result.update(Json{{"path", path},
                            {"bytes", bytes},
                            {"target", model.descriptor().target},
                            {"seconds", report.total_seconds},
                            {"kernels", report.kernels},
                            {"kernels_cached", report.kernels_cached},
                            {"weight_bytes", report.weight_bytes},
                            {"arena_bytes", report.arena_bytes},
                            {"live_bytes", report.live_bytes}});
  output.line(fmt::format("{}: {}, {} kernels ({} from the cache), arena {}, compiled in {} for {}", path,
                          bytes_text(static_cast<double>(bytes)), report.kernels, report.kernels_cached,
                          bytes_text(static_cast<double>(report.arena_bytes)), time_text(report.total_seconds), model.descriptor().target));
  return exit_ok;
}

} // namespace

extern const Command compile_command = {
    .name = "compile", .summary = "compile a model into one self-contained file", .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto path = std::make_shared<std::string>();
      options->declare(app);
      app.add_option("-o,--output", *path, "the file to write (default: the model's name with .so, in this folder)");
      auto check = declare_check(app);
      return [=](Output& output) { return run(*options, *path, *check, output); };
    }};

} // namespace tw::cli
