// SPDX-License-Identifier: Apache-2.0
// tensorwright run: a model on arrays from files or on made-up ones; outputs are summarised and, if asked for, written.
#include "cli/comparison.h"

#include <cmath>

namespace tw::cli {
namespace {

// A name of the model as a file name: what could leave the folder or trouble a shell becomes an underscore.
std::string file_name(const std::string& name) {
  std::string out = name;
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '_') c = '_';
  if (out.empty() || out[0] == '.') out.insert(0, "_");
  return out + ".npy";
}

void write_outputs(const NamedTensors& outputs, const std::filesystem::path& path) {
  if (path.extension() == ".npz") return write_npz(path, outputs);
  if (path.extension() == ".npy") {
    if (outputs.size() != 1)
      throw user_error("--output: the model has {} outputs, one .npy file holds one", outputs.size()).hint("name a folder or an .npz file");
    return write_npy(path, outputs[0].second);
  }
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw user_error("cannot make the folder {}: {}", path.string(), error.message());
  for (const auto& [name, tensor] : outputs) write_npy(path / file_name(name), tensor);
}

struct Statistics {
  double minimum = INFINITY, maximum = -INFINITY, mean = 0;
  int64_t not_finite = 0;
};

Statistics statistics(const HostTensor& tensor) {
  Statistics out;
  int64_t finite = 0;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const double value = tensor.number(i);
    if (!std::isfinite(value)) {
      ++out.not_finite;
      continue;
    }
    out.minimum = std::min(out.minimum, value);
    out.maximum = std::max(out.maximum, value);
    out.mean += (value - out.mean) / static_cast<double>(++finite);
  }
  return out;
}

int run(const ModelOptions& options, const InputOptions& input_options, const std::string& path, bool check, Output& output) {
  if (check) require_model_file(options);
  LoadedModel model(options);
  const NamedTensors inputs = make_inputs(model.descriptor(), input_options, options.sizes());
  Runner runner(model, options.threads, false);
  runner.run(inputs);
  const NamedTensors outputs = runner.outputs();
  if (!path.empty()) write_outputs(outputs, path);
  Table table({"output", "type", "min", "mean", "max", "not finite"});
  Json list = Json::array();
  for (const auto& [name, tensor] : outputs) {
    const Statistics s = statistics(tensor);
    const bool any = s.minimum <= s.maximum;
    const auto number = [&](double value) { return any ? fmt::format("{:.6g}", value) : "-"; };
    table.row({name, tensor.type_text(), number(s.minimum), number(s.mean), number(s.maximum), std::to_string(s.not_finite)});
    const auto json_number = [&](double value) { return any ? Json(value) : Json(nullptr); };
    list.push_back({{"name", name},
                    {"dtype", to_string(tensor.dtype)},
                    {"shape", tensor.shape},
                    {"min", json_number(s.minimum)},
                    {"mean", json_number(s.mean)},
                    {"max", json_number(s.maximum)},
                    {"not_finite", s.not_finite}});
  }
  output.result = {{"outputs", list}, {"written", path.empty() ? Json(nullptr) : Json(path)}};
  output.line(table.text());
  return check ? check_against_float64(options, model, input_options, output) : exit_ok;
}

} // namespace

extern const Command run_command = {
    .name = "run", .summary = "run a model on arrays from files, or on made-up ones", .declare = [](CLI::App& app) -> Action {
      auto options = std::make_shared<ModelOptions>();
      auto inputs = std::make_shared<InputOptions>();
      auto path = std::make_shared<std::string>();
      options->declare(app);
      inputs->declare(app);
      app.add_option("-o,--output", *path, "where to write the outputs: a folder, an .npz file, or an .npy file for a single output");
      auto check = declare_check(app);
      return [=](Output& output) { return run(*options, *inputs, *path, *check, output); };
    }};

} // namespace tw::cli
