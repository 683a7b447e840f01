// SPDX-License-Identifier: Apache-2.0
#include "cli/comparison.h"

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
  std::string verdict(double tolerance) const {
    return !problem.empty()    ? "types differ: " + problem
           : within(tolerance) ? "same"
           : mismatches        ? fmt::format("{} not finite", mismatches)
                               : "DIFFERS";
  }
};

Difference difference(const HostTensor& ours, const HostTensor& theirs) {
  Difference out;
  const bool alike = ours.dtype == theirs.dtype || (ours.dtype == f32 && theirs.dtype == f64);
  if (!alike || ours.shape != theirs.shape) {
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

} // namespace

Comparison::Comparison(const NamedTensors& ours, const NamedTensors& theirs, double tolerance) {
  if (ours.size() != theirs.size()) throw internal_error("{} outputs, but {} of the reference", ours.size(), theirs.size());
  Table table({"output", "type", "largest difference", "relative", "at", "result"});
  for (size_t i = 0; i < ours.size(); ++i) {
    const Difference d = difference(ours[i].second, theirs[i].second);
    const bool within = d.within(tolerance);
    same_ = same_ && within;
    table.row({ours[i].first, ours[i].second.type_text(), fmt::format("{:.3g}", d.largest), fmt::format("{:.3g}", d.relative()),
               d.index < 0 ? "-" : std::to_string(d.index), d.verdict(tolerance)});
    list_.push_back({{"name", ours[i].first},
                     {"same", within},
                     {"largest_difference", d.largest},
                     {"relative", d.relative()},
                     {"index", d.index < 0 ? Json(nullptr) : Json(d.index)},
                     {"not_finite", d.mismatches},
                     {"problem", d.problem}});
  }
  table_ = table.text();
}

std::shared_ptr<bool> declare_check(CLI::App& app) {
  auto check = std::make_shared<bool>(false);
  app.add_flag(
      "--check", *check,
      "compare the results with those of the model in float64 without approximations, on made-up inputs; status 4 if an output is more "
      "than 1e-4 of its largest magnitude away");
  return check;
}

void require_model_file(const ModelOptions& options) {
  if (is_exported(options.path))
    throw user_error("{} holds machine code only: there is nothing to compare it with", options.path)
        .hint("compare the model that it was made from");
}

int check_against_float64(const ModelOptions& options, const LoadedModel& model, const InputOptions& input_options, Output& output) {
  const NamedTensors inputs = make_inputs(model.descriptor(), input_options, options.sizes());
  Runner runner(model, options.threads, false);
  runner.run(inputs);
  const ReferenceOutputs reference = run_float64(options, inputs);
  const Comparison comparison(runner.outputs(), reference.outputs, default_tolerance);
  const std::string against =
      reference.wide ? "float64" : fmt::format("float32 without approximations (not float64: {})", reference.problem);
  output.result["check"] = {
      {"against", against}, {"tolerance", default_tolerance}, {"same", comparison.same()}, {"outputs", comparison.json()}};
  output.line(fmt::format("{}\nchecked against {}, {:g} of each output's largest magnitude allowed: {}", comparison.table(), against,
                          default_tolerance, comparison.same() ? "passed" : "FAILED"));
  return comparison.same() ? exit_ok : exit_differs;
}

} // namespace tw::cli
