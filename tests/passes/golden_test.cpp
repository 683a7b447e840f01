// SPDX-License-Identifier: Apache-2.0
// Every file of golden cases, against the pass that it is named after.
#include "passes/golden.h"

#include <gtest/gtest.h>

namespace tw::test {
namespace {

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TENSORWRIGHT_SOURCE_DIR "/tests/passes/graph"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, CasesComeOutAsWritten) {
  const passes::Pass* pass = nullptr;
  for (const auto* candidate : passes::table())
    if (candidate->name == GetParam()) pass = candidate;
  ASSERT_TRUE(pass) << "no pass has this name";
  auto cases = read_cases(std::filesystem::path(TENSORWRIGHT_SOURCE_DIR "/tests/passes/graph") / (GetParam() + ".txt"));
  EXPECT_FALSE(cases.empty());
  for (const auto& golden : cases) check_case(*pass, golden);
}

INSTANTIATE_TEST_SUITE_P(Passes, Golden, testing::ValuesIn(files()), [](const auto& info) { return info.param; });

} // namespace
} // namespace tw::test
