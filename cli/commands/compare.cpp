// SPDX-License-Identifier: Apache-2.0
// tensorwright compare: the compiled model against the reference interpreter, against itself in float64, or against ONNX Runtime in the
// Python of the environment.
#include "cli/comparison.h"
#include "cli/reference.h"

namespace tw::cli {
namespace {

struct CompareOptions {
  std::string against = "reference";
  double tolerance = default_tolerance;
};

int run(const ModelOptions& options, const InputOptions& input_options, const CompareOptions& compare, Output& output) {
  require_model_file(options);
  LoadedModel model(options);
  const NamedTensors inputs = make_inputs(model.descriptor(), input_options, options.sizes());
  Runner runner(model, options.threads, false);
  runner.run(inputs);
  const NamedTensors ours = runner.outputs();
  const NamedTensors theirs = compare.against == "reference" ? interpret(options, model.descriptor(), inputs)
                              : compare.against == "float64" ? run_float64(options, inputs).outputs
                                                             : run_onnxruntime(options, model.descriptor(), inputs);
  const Comparison comparison(ours, theirs, compare.tolerance);
  output.result = {
      {"against", compare.against}, {"tolerance", compare.tolerance}, {"same", comparison.same()}, {"outputs", comparison.json()}};
  output.line(comparison.table());
  return comparison.same() ? exit_ok : exit_differs;
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
      app.add_option("--against", compare->against,
                     "what is right: the interpreter, the model compiled for float64 without approximations, or ONNX Runtime")
          ->check(one_of({"reference", "float64", "onnxruntime"}))
          ->capture_default_str();
      app.add_option("--tolerance", compare->tolerance, "largest difference, relative to the output's largest magnitude")
          ->capture_default_str();
      return [=](Output& output) { return run(*options, *inputs, *compare, output); };
    }};

} // namespace tw::cli
