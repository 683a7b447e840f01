// SPDX-License-Identifier: Apache-2.0
// Which kernels of an earlier compilation are taken from disk.
#include "compile/compile.h"

#include "ir/text.h"
#include "target/host.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace tw {
namespace {

namespace fs = std::filesystem;

// A folder for the cache, and nothing in it.
class KernelCache : public testing::Test {
protected:
  KernelCache() {
    const char* before = std::getenv("TENSORWRIGHT_CACHE");
    if (before) before_ = before;
    fs::create_directories(folder_);
    setenv("TENSORWRIGHT_CACHE", folder_.c_str(), 1);
  }
  ~KernelCache() override {
    fs::remove_all(folder_);
    before_ ? setenv("TENSORWRIGHT_CACHE", before_->c_str(), 1) : unsetenv("TENSORWRIGHT_CACHE");
  }

private:
  fs::path folder_ = fs::temp_directory_path() / fmt::format("kernel_cache_test-{}", getpid());
  std::optional<std::string> before_;
};

// A kernel that no target schedules otherwise.
compile::CompiledModule compiled_for(const std::string& target, const char* factor = "2.0") {
  Ref<Module> module = parse(fmt::format(R"(# tensorwright 1
from __future__ import annotations
from tensorwright.text import *

@kernel(scheduled=True)
def scale(x: In[(4,), f32], y: Out[(4,), f32]):
    for i in range(4):
        y[i] = x[i] * {}

@function(exported=True)
def main(x: Tensor[(4,), f32]) -> Tensor[(4,), f32]:
    y: Tensor[(4,), f32] = scale(x)
    return y
)",
                                         factor));
  return compile::compile(module, {.target = target, .driver = {}});
}

} // namespace

// The same kernel for the same target; any other kernel is compiled.
TEST_F(KernelCache, HoldsEqualKernels) {
  EXPECT_EQ(compiled_for("x86-64-v3").report().kernels_cached, 0);
  EXPECT_EQ(compiled_for("x86-64-v3").report().kernels_cached, 1);
  EXPECT_EQ(compiled_for("x86-64-v3", "3.0").report().kernels_cached, 0);
  EXPECT_EQ(compiled_for("x86-64-v2").report().kernels_cached, 0);
}

// Code is tuned for a processor, though it may use the same instructions as code for another.
TEST_F(KernelCache, BelongsToAProcessor) {
  Target native = parse_target("native");
  if (native.microarchitecture.empty()) GTEST_SKIP() << "this processor is tuned for as any other";
  std::string any = "x86-64";
  for (const auto& feature : host_features()) any += "+" + std::string(feature);
  Target generic = parse_target(any);
  ASSERT_EQ(generic.features, native.features);
  ASSERT_EQ(generic.microarchitecture, "");
  compile::CompiledModule first = compiled_for("native"), second = compiled_for(any), third = compiled_for("native");
  ASSERT_TRUE(equal(first.lowered(), second.lowered())) << "the kernel is another for another reason";
  EXPECT_EQ(second.report().kernels_cached, 0);
  EXPECT_EQ(third.report().kernels_cached, 1);
}

} // namespace tw
