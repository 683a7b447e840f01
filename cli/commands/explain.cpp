// SPDX-License-Identifier: Apache-2.0
// tensorwright explain: what the compiler does with a model: the module at any stage, times of passes, remarks, the kernels it chose.
#include "cli/model.h"
#include "compile/pipelines/cpu.h"

#include "ir/text.h"

namespace tw::cli {
namespace {

struct ExplainOptions {
  std::vector<std::string> print_after;
  std::string stop_after, dump;
  bool timings = false, verify = false;
};

void show_timings(const compile::Report& report, Output& output) {
  Table table({"pass", "ms", "changed"});
  Json list = Json::array();
  for (const compile::PassTiming& pass : report.passes) {
    table.row({pass.name, fmt::format("{:.3f}", pass.seconds * 1e3), pass.changed ? "yes" : "no"});
    list.push_back({{"pass", pass.name}, {"seconds", pass.seconds}, {"changed", pass.changed}});
  }
  table.row({"machine code", fmt::format("{:.3f}", report.code_seconds * 1e3), ""});
  table.row({"weights", fmt::format("{:.3f}", report.weights_seconds * 1e3), ""});
  table.row({"total", fmt::format("{:.3f}", report.total_seconds * 1e3), ""});
  output.result["passes"] = list;
  output.result["code_seconds"] = report.code_seconds;
  output.result["weights_seconds"] = report.weights_seconds;
  output.result["total_seconds"] = report.total_seconds;
  output.line(table.text());
}

void show_plan(const compile::Report& report, Output& output) {
  Table table({"kernel", "shape", "MFLOP", "MB", "predicted us"});
  Json list = Json::array();
  for (const compile::LaunchReport& l : report.launches) {
    table.row({l.origin.empty() ? l.kernel : l.origin, l.shape, fmt::format("{:.2f}", l.flops * 1e-6),
               fmt::format("{:.2f}", l.bytes * 1e-6), fmt::format("{:.1f}", l.predicted_ns * 1e-3)});
    list.push_back({{"kernel", l.kernel},
                    {"origin", l.origin},
                    {"shape", l.shape},
                    {"flops", l.flops},
                    {"bytes", l.bytes},
                    {"predicted_seconds", l.predicted_ns * 1e-9}});
  }
  output.result["launches"] = list;
  output.line(table.text());
  Json remarks = Json::array();
  for (const Remark& remark : report.remarks) {
    output.line(fmt::format("remark: {}: {}", remark.subject, remark.text));
    remarks.push_back({{"subject", remark.subject}, {"text", remark.text}});
  }
  output.result["remarks"] = remarks;
  output.line(fmt::format("{} launches of {} kernels, weights {}, code {}", report.launches.size(), report.kernels,
                          bytes_text(static_cast<double>(report.weight_bytes)), bytes_text(static_cast<double>(report.code_bytes))));
}

int run(const ModelOptions& options, const ExplainOptions& explain, Output& output) {
  if (is_exported(options.path)) throw user_error("{} is compiled already", options.path).hint("explain the model that it was made from");
  Json printed = Json::array();
  compile::Options compile_options = options.compile_options();
  compile::DriverOptions& driver = compile_options.driver;
  driver.print_after = {explain.print_after.begin(), explain.print_after.end()};
  driver.stop_after = explain.stop_after;
  driver.dump_folder = explain.dump;
  driver.verify = explain.verify;
  driver.print = [&](const std::string& pass, const Ref<Module>& module) {
    const std::string text = to_text(module);
    printed.push_back({{"pass", pass}, {"module", text}});
    output.line("# after " + pass + "\n" + text);
  };
  // A pipeline that stops early has nothing to generate code for: it is run by itself.
  compile::Report report;
  {
    Progress progress("compiling " + options.path);
    const Ref<Module> module = compile::load_model(options.path);
    if (explain.stop_after.empty()) {
      report = compile::compile(module, compile_options).report();
    } else {
      const Target target = parse_target(options.target);
      passes::PassContext context{.target = target, .options = compile_options.passes, .remarks = {}};
      const Ref<Module> stopped = compile::run_pipeline(compile::cpu_pipeline(target), module, context, driver, report.passes);
      report.remarks = context.remarks;
      if (!driver.print_after.contains(explain.stop_after)) driver.print(explain.stop_after, stopped);
    }
  }
  output.result["printed"] = printed;
  if (explain.timings) show_timings(report, output);
  else if (explain.print_after.empty() && explain.stop_after.empty()) show_plan(report, output);
  return exit_ok;
}

} // namespace

extern const Command explain_command = {
    .name = "explain", .summary = "show what the compiler does with a model", .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto explain = std::make_shared<ExplainOptions>();
      options->declare(app);
      app.add_option("--print-after", explain->print_after, "print the module after a pass, or after `all`")->type_name("PASS");
      app.add_option("--stop-after", explain->stop_after, "go no further than this pass, and print the module")->type_name("PASS");
      app.add_option("--dump", explain->dump, "write the module after each pass that changed it into this folder")->type_name("FOLDER");
      app.add_flag("--timings", explain->timings, "the time of each pass");
      app.add_flag("--verify", explain->verify, "verify the module after each pass");
      return [=](Output& output) { return run(*options, *explain, output); };
    }};

} // namespace tw::cli
