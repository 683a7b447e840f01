// SPDX-License-Identifier: Apache-2.0
// Golden cases of graph passes: tests/passes/graph/<pass>.txt holds cases, separated by lines of `===`. A case is a sentence in `#` lines,
// a module, a line `---`, and the module that the pass makes of it (nothing: the pass leaves it alone). Operators need no annotations.
//
// Each case is checked three ways: the result equals the text, the pass leaves its own result alone, and the reference interpreter gives
// the same numbers before and after on random inputs.
#pragma once

#include "ir/text.h"
#include "passes/all.h"

#include <filesystem>
#include <random>

namespace tw::test {

struct GoldenCase {
  std::string sentence, before, after;
  int line = 0;
};
std::vector<GoldenCase> read_cases(const std::filesystem::path& path);

Ref<Module> module_of(const std::string& text);
passes::PassContext context_for_tests();

// Largest difference of any result, relative to that result's largest magnitude. Symbolic sizes are 3.
double difference(const Ref<Module>& before, const Ref<Module>& after, unsigned seed);

void check_case(const passes::Pass& pass, const GoldenCase& golden);

} // namespace tw::test
