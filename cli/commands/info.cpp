// SPDX-License-Identifier: Apache-2.0
// tensorwright info: what a model takes and gives, its symbolic dimensions, its operators, and all that is unsupported, at once.
#include "cli/describe.h"

namespace tw::cli {
namespace {

int run(const std::string& path, Output& output) {
  return is_exported(path) ? describe_exported(path, output) : describe_model(path, output);
}

} // namespace

extern const Command info_command = {.name = "info",
                                     .summary = "inputs, outputs, dynamic dimensions, operators, what is unsupported",
                                     .declare = [](CLI::App& app) -> Action {
                                       auto path = std::make_shared<std::string>();
                                       app.add_option("model", *path, "a model or an exported module")->required();
                                       return [=](Output& output) { return run(*path, output); };
                                     }};

} // namespace tw::cli
