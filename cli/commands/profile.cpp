// SPDX-License-Identifier: Apache-2.0
// tensorwright profile: the time of each kernel beside its predicted time, and how near it comes to what the machine can do.
#include "cli/kernel_listing.h"
#include "compile/pace.h"

namespace tw::cli {
namespace {

// What is asked for beside the table.
struct Wishes {
  std::string html, svg, kernel;
  bool assembly = false;
};

// What the core that runs the model can do between one run and the next.
class PaceBetweenRuns {
public:
  explicit PaceBetweenRuns(const std::string& target)
      : pace_(native_target_with(parse_features(target))), before_(pace_.flops_per_second(0)) {}

  // Around the run that has just ended, which took so long: the mean of before and after.
  double after(double run_seconds) {
    constexpr double share = 0.02;
    const double now = pace_.flops_per_second(share * run_seconds), around = (before_ + now) / 2;
    before_ = now;
    samples_.add(around);
    return around;
  }
  double median() const { return samples_.quantile(0.5); }

private:
  compile::Pace pace_;
  double before_;
  Samples samples_;
};

ProfileReport measure(const LoadedModel& model, const ModelOptions& options, const InputOptions& input_options,
                      const MeasureOptions& measure_options) {
  const tw_module_descriptor& module = model.descriptor();
  const NamedTensors inputs = make_inputs(module, input_options, options.sizes());
  Runner runner(model, options.threads, true);
  const auto count = static_cast<size_t>(module.launch_count);
  std::vector<Samples> launches(count), possible_flops(count);
  PaceBetweenRuns pace(module.target);
  const Samples runs = measure_runs(runner, inputs, measure_options, [&](double run_seconds) {
    const double flops_per_second = pace.after(run_seconds);
    for (size_t i = 0; i < count; ++i) {
      const double seconds = tw_session_launch_seconds(runner.session(), static_cast<int32_t>(i));
      launches[i].add(seconds);
      possible_flops[i].add(seconds * flops_per_second);
    }
  });
  ProfileReport report;
  report.model = options.path;
  report.target = module.target;
  report.threads = tw_session_threads(runner.session());
  report.runs = static_cast<int64_t>(runs.size());
  report.seconds = runs.quantile(0.5);
  report.roof = roof_of(report.target, report.threads);
  // That of all threads as the target has it beside that of one.
  const double threads_pace = report.roof.flops_per_second / roof_of(report.target, 1).flops_per_second;
  report.roof.flops_per_second = pace.median() * threads_pace;
  for (size_t i = 0; i < launches.size(); ++i) {
    const tw_launch& launch = *tw_session_launch(runner.session(), static_cast<int32_t>(i));
    // The prediction is for one thread; kernels too small to be worth a barrier run on one.
    const int sharing = launch.predicted_ns > 3000 ? report.threads : 1;
    const auto text = [](const char* value) { return std::string(value ? value : ""); };
    report.launches.push_back({.kernel = text(launch.name),
                               .origin = text(launch.origin),
                               .shape = text(launch.shape),
                               .seconds = std::max(launches[i].quantile(0.5), 0.0),
                               .best_seconds = std::max(launches[i].quantile(0), 0.0),
                               .predicted_seconds = launch.predicted_ns * 1e-9 / sharing,
                               .flops = launch.flops,
                               .bytes = launch.bytes,
                               .possible_flops = std::max(possible_flops[i].quantile(0.5), 0.0) * threads_pace,
                               .memory_seconds = report.roof.memory_seconds(launch.bytes)});
  }
  return report;
}

int run(const ModelOptions& options, const InputOptions& inputs, const MeasureOptions& measure_options, const Wishes& wishes,
        Output& output) {
  const LoadedModel model(options);
  if (wishes.assembly && !model.compiled())
    throw user_error("--asm: '{}' is exported: a whole library, of which no single kernels are known", options.path)
        .hint("profile the model that it was compiled from");
  const ProfileReport report = measure(model, options, inputs, measure_options);
  if (!wishes.html.empty()) write_text(to_html(report), wishes.html);
  if (!wishes.svg.empty()) write_text(to_svg(report), wishes.svg);
  output.result = to_json(report);
  output.result["html"] = wishes.html.empty() ? Json(nullptr) : Json(wishes.html);
  output.result["svg"] = wishes.svg.empty() ? Json(nullptr) : Json(wishes.svg);
  if (!wishes.assembly) {
    output.line(to_table(report));
    return exit_ok;
  }
  const auto listings = list_kernels(report, *model.compiled(), wishes.kernel);
  output.result["assembly"] = to_json(listings);
  output.line(to_text(listings));
  return exit_ok;
}

} // namespace

extern const Command profile_command = {
    .name = "profile", .summary = "measure each kernel, beside its predicted time", .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto inputs = std::make_shared<InputOptions>();
      auto measure_options = std::make_shared<MeasureOptions>();
      auto wishes = std::make_shared<Wishes>();
      options->declare(app);
      inputs->declare(app);
      measure_options->declare(app);
      app.add_option("--html", wishes->html, "also write a page with a chart")->type_name("FILE");
      app.add_option("--svg", wishes->svg, "also write the chart of the slowest kernels alone")->type_name("FILE");
      auto* assembly =
          app.add_option("--asm", wishes->kernel,
                         "instead of the table, the machine code of the slowest kernel, or of those in whose name or nodes KERNEL "
                         "occurs; after the model")
              ->type_name("[KERNEL]")
              ->expected(0, 1);
      return [=](Output& output) {
        wishes->assembly = assembly->count() > 0;
        return run(*options, *inputs, *measure_options, *wishes, output);
      };
    }};

} // namespace tw::cli
