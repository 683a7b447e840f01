// SPDX-License-Identifier: Apache-2.0
// tensorwright compare: the compiled model against the reference interpreter, or against ONNX Runtime in the Python of the environment.
#include "cli/reference.h"

#include <cmath>

namespace tw::cli {
namespace {

struct Difference {
  double largest = 0;     // |a - b| over all elements
  double magnitude = 0;   // of the reference's largest element
  int64_t index = -1;     // where
  int64_t mismatches = 0; // NaN or infinity on one side only
  std::string problem;    // type or shape differ

  double relative() const { return largest == 0 ? 0 : largest / std::max(magnitude, 1e-30); }
  bool within(double tolerance) const { return problem.empty() && mismatches == 0 && relative() <= tolerance; }
};

Difference difference(const HostTensor& ours, const HostTensor& theirs) {
  Difference out;
  if (ours.dtype != theirs.dtype || ours.shape != theirs.shape) {
    out.problem = fmt::format("{} and {}", ours.type_text(), theirs.type_text());
    return out;
  }
  for (int64_t i = 0; i < ours.elements(); ++i) {
    const double a = ours.number(i), b = theirs.number(i);
    if (std::isnan(a) && std::isnan(b)) continue;
    if (!std::isfinite(a) || !std::isfinite(b)) {
      if (a != b) ++out.mismatches, out.index = i;
      continue;
    }
    out.magnitude = std::max(out.magnitude, std::abs(b));
    if (std::abs(a - b) > out.largest) {
      out.largest = std::abs(a - b);
      if (out.mismatches == 0) out.index = i;
    }
  }
  return out;
}

struct CompareOptions {
  std::string against = "reference";
  double tolerance = 1e-4;
};

int run(const ModelOptions& options, const InputOptions& input_options, const CompareOptions& compare, Output& output) {
  if (is_exported(options.path))
    throw user_error("{} holds machine code only: there is nothing to compare it with", options.path)
        .hint("compare the model that it was made from");
  LoadedModel model(options);
  const NamedTensors inputs = make_inputs(model.descriptor(), input_options, options.sizes());
  Runner runner(model, options.threads, false);
  runner.run(inputs);
  const NamedTensors ours = runner.outputs();
  const NamedTensors theirs = compare.against == "reference" ? interpret(options, model.descriptor(), inputs)
                                                             : run_onnxruntime(options, model.descriptor(), inputs);
  if (ours.size() != theirs.size()) throw internal_error("{} outputs, but {} of the reference", ours.size(), theirs.size());
  bool same = true;
  Table table({"output", "type", "largest difference", "relative", "at", "result"});
  Json list = Json::array();
  for (size_t i = 0; i < ours.size(); ++i) {
    const Difference d = difference(ours[i].second, theirs[i].second);
    const bool within = d.within(compare.tolerance);
    same = same && within;
    const std::string verdict = !d.problem.empty() ? "types differ: " + d.problem
                                : within           ? "same"
                                : d.mismatches     ? fmt::format("{} not finite", d.mismatches)
                                                   : "DIFFERS";
    table.row({ours[i].first, ours[i].second.type_text(), fmt::format("{:.3g}", d.largest), fmt::format("{:.3g}", d.relative()),
               d.index < 0 ? "-" : std::to_string(d.index), verdict});
    list.push_back({{"name", ours[i].first},
                    {"same", within},
                    {"largest_difference", d.largest},
                    {"relative", d.relative()},
                    {"index", d.index < 0 ? Json(nullptr) : Json(d.index)},
                    {"not_finite", d.mismatches},
                    {"problem", d.problem}});
  }
  output.result = {{"against", compare.against}, {"tolerance", compare.tolerance}, {"same", same}, {"outputs", list}};
  output.line(table.text());
  return same ? exit_ok : exit_differs;
}

} // namespace

extern const Command compare_command = {
    .name = "compare",
    .summary = "check results against the reference interpreter or ONNX Runtime",
    .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto inputs = std::make_shared<InputOptions>();
      auto compare = std::make_shared<CompareOptions>();
      options->declare(app);
      inputs->declare(app);
      app.add_option("--against", compare->against, "what is right")->check(one_of({"reference", "onnxruntime"}))->capture_default_str();
      app.add_option("--tolerance", compare->tolerance, "largest difference, relative to the output's largest magnitude")
          ->capture_default_str();
      return [=](Output& output) { return run(*options, *inputs, *compare, output); };
    }};

} // namespace tw::cli
