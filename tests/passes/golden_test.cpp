// SPDX-License-Identifier: Apache-2.0
// Every file of golden cases, against the pass that it is named after.
#include "passes/golden.h"

#include <gtest/gtest.h>

#include <map>

namespace tw::test {
namespace {

// By the pass's name.
std::map<std::string, std::filesystem::path> files() {
  std::map<std::string, std::filesystem::path> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TENSORWRIGHT_SOURCE_DIR "/tests/passes"))
    if (entry.path().extension() == ".txt") out.emplace(entry.path().stem().string(), entry.path());
  return out;
}
std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, path] : files()) out.push_back(name);
  return out;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, CasesComeOutAsWritten) {
  const passes::Pass* pass = nullptr;
  for (const auto* candidate : passes::table())
    if (candidate->name == GetParam()) pass = candidate;
  ASSERT_TRUE(pass) << "no pass has this name";
  auto cases = read_cases(files().at(GetParam()));
  EXPECT_FALSE(cases.empty());
  for (const auto& golden : cases) check_case(*pass, golden);
}

INSTANTIATE_TEST_SUITE_P(Passes, Golden, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

} // namespace
} // namespace tw::test
