// SPDX-License-Identifier: Apache-2.0
// Real models import: every ONNX file of the folder that TENSORWRIGHT_MODELS names, or of the usual place beside the project.
#include "import_support.h"

#include <cstdlib>
#include <filesystem>

namespace tw::onnx::testing {
namespace {

namespace fs = std::filesystem;

TEST(ImportModels, EveryRealModelBecomesAModuleWithItsInputsAndOutputs) {
  const char* given = std::getenv("TENSORWRIGHT_MODELS");
  fs::path folder = given ? fs::path(given) : fs::path(TENSORWRIGHT_SOURCE_DIR) / "../shared/models";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no models in " << folder << "; TENSORWRIGHT_MODELS names a folder with some";
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".onnx") continue;
    SCOPED_TRACE(entry.path().filename());
    try {
      Model model = read_model(entry.path());
      Ref<Module> module = import_model(model);
      const auto* main = as<Function>(module->functions[0]);
      EXPECT_EQ(main->body->params.size(), model.graph.inputs.size());
      EXPECT_EQ(main->body->results.size(), model.graph.outputs.size());
      ++count;
    } catch (const Error& error) { ADD_FAILURE() << error.what(); }
  }
  EXPECT_GT(count, 0) << "in " << folder;
}

} // namespace
} // namespace tw::onnx::testing
