// SPDX-License-Identifier: Apache-2.0
// The driver checks what passes leave, and names the one that broke the module.
#include "compile/driver.h"

#include "ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tw {
namespace {

Ref<Module> kernel_module() {
  return parse("# tensorwright 1\nfrom __future__ import annotations\n\n@kernel()\ndef k(A: In[(4,), f32], B: Out[(4,), f32]):\n"
               "    for i in range(4):\n        B[i] = A[i]\n");
}

// The kernel without its parameters: A and B are introduced nowhere.
Ref<Kernel> lose_parameters(const Ref<Kernel>& kernel, passes::PassContext&) { return with(kernel, &Kernel::params, List<Ref<Param>>()); }
const passes::Pass careless = {.name = "careless", .doc = "forgets the parameters", .kernel = lose_parameters};

std::string failure(bool verify) {
  Target target = parse_target("x86-64-v3");
  passes::PassContext context{.target = target, .options = {}, .remarks = {}};
  std::vector<compile::PassTiming> timings;
  compile::DriverOptions options;
  options.verify = verify;
  try {
    compile::run_pipeline({&careless}, kernel_module(), context, options, timings);
  } catch (const Error& error) { return error.what(); }
  return "";
}

TEST(Driver, NamesThePassThatBrokeTheModule) {
  std::string message = failure(true);
  EXPECT_THAT(message, testing::HasSubstr("after pass careless"));
  EXPECT_THAT(message, testing::HasSubstr("introduced"));
  EXPECT_THAT(message, testing::HasSubstr("kernel 'k'"));
}

TEST(Driver, ChecksOnRequestOnly) {
  const char* asked = std::getenv("TENSORWRIGHT_VERIFY");
  std::string before = asked ? asked : "";
  ::setenv("TENSORWRIGHT_VERIFY", "0", 1);
  EXPECT_EQ(failure(false), "");
  ::setenv("TENSORWRIGHT_VERIFY", "1", 1);
  EXPECT_NE(failure(false), "");
  if (asked) ::setenv("TENSORWRIGHT_VERIFY", before.c_str(), 1);
  else ::unsetenv("TENSORWRIGHT_VERIFY");
}

} // namespace
} // namespace tw
