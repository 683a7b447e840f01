// SPDX-License-Identifier: Apache-2.0
// tensorwright profile: the time of each kernel beside its predicted time, and how near it comes to what the machine can do.
#include "cli/profile_report.h"

namespace tw::cli {
namespace {

ProfileReport measure(const ModelOptions& options, const InputOptions& input_options, const MeasureOptions& measure_options) {
  LoadedModel model(options);
  const tw_module_descriptor& module = model.descriptor();
  const NamedTensors inputs = make_inputs(module, input_options, options.sizes());
  Runner runner(model, options.threads, true);
  std::vector<Samples> launches(static_cast<size_t>(module.launch_count));
  const Samples runs = measure_runs(runner, inputs, measure_options, [&] {
    for (size_t i = 0; i < launches.size(); ++i) launches[i].add(tw_session_launch_seconds(runner.session(), static_cast<int32_t>(i)));
  });
  ProfileReport report;
  report.model = options.path;
  report.target = module.target;
  report.threads = tw_session_threads(runner.session());
  report.runs = static_cast<int64_t>(runs.size());
  report.seconds = runs.quantile(0.5);
  report.roof = roof_of(report.target, report.threads);
  for (size_t i = 0; i < launches.size(); ++i) {
    const tw_launch& launch = module.launches[i];
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
                               .roof_seconds = report.roof.seconds(launch.flops, launch.bytes)});
  }
  return report;
}

int run(const ModelOptions& options, const InputOptions& inputs, const MeasureOptions& measure_options, const std::string& html,
        const std::string& svg, Output& output) {
  const ProfileReport report = measure(options, inputs, measure_options);
  if (!html.empty()) write_text(to_html(report), html);
  if (!svg.empty()) write_text(to_svg(report), svg);
  output.result = to_json(report);
  output.result["html"] = html.empty() ? Json(nullptr) : Json(html);
  output.result["svg"] = svg.empty() ? Json(nullptr) : Json(svg);
  output.line(to_table(report));
  return exit_ok;
}

} // namespace

extern const Command profile_command = {
    .name = "profile", .summary = "measure each kernel, beside its predicted time", .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto inputs = std::make_shared<InputOptions>();
      auto measure_options = std::make_shared<MeasureOptions>();
      auto html = std::make_shared<std::string>(), svg = std::make_shared<std::string>();
      options->declare(app);
      inputs->declare(app);
      measure_options->declare(app);
      app.add_option("--html", *html, "also write a page with a chart")->type_name("FILE");
      app.add_option("--svg", *svg, "also write the chart of the slowest kernels alone")->type_name("FILE");
      return [=](Output& output) { return run(*options, *inputs, *measure_options, *html, *svg, output); };
    }};

} // namespace tw::cli
