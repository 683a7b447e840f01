// SPDX-License-Identifier: Apache-2.0
// What ships with a compiled model: small, without dependencies, showing nothing but its interface; and the C example that uses it.
#include "runtime/artifact_file.h"
#include "support.h"

#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/wait.h>

namespace tw::test {
namespace {

using ::testing::HasSubstr;

struct Result {
  int status;
  std::string text;
};

Result command(const std::string& line) {
  Result result{-1, {}};
  FILE* const pipe = ::popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) result.text.append(buffer, got);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

TEST(Library, is_small) {
  if (sanitized()) GTEST_SKIP() << "sanitizers add their own code";
  const Folder folder;
  const Result result = command("strip -o " + (folder / "stripped.so") + " " + runtime_library_path);
  ASSERT_EQ(result.status, 0) << result.text;
  EXPECT_LT(std::filesystem::file_size(folder / "stripped.so"), 300'000u);
}

TEST(Library, needs_only_the_c_and_cpp_libraries) {
  if (sanitized()) GTEST_SKIP() << "sanitizers bring their own libraries";
  const std::set<std::string> allowed{"libc.so.6",
                                      "libstdc++.so.6",
                                      "libm.so.6",
                                      "libpthread.so.0",
                                      "libdl.so.2",
                                      "libgcc_s.so.1",
                                      "ld-linux-x86-64.so.2",
                                      "ld-linux-aarch64.so.1"};
  const Result result = command(std::string("LC_ALL=C readelf -d ") + runtime_library_path);
  ASSERT_EQ(result.status, 0) << result.text;
  int needed = 0;
  for (const std::string& line : lines(result.text)) {
    if (line.find("(NEEDED)") == std::string::npos) continue;
    ++needed;
    const size_t open = line.find('['), close = line.find(']');
    EXPECT_TRUE(allowed.contains(line.substr(open + 1, close - open - 1))) << line;
  }
  EXPECT_GT(needed, 0);
}

TEST(Library, shows_only_its_interface) {
  const Result result = command(std::string("nm -D --defined-only ") + runtime_library_path);
  ASSERT_EQ(result.status, 0) << result.text;
  EXPECT_THAT(result.text, HasSubstr("tw_session_run"));
  for (const std::string& line : lines(result.text)) EXPECT_THAT(line, ::testing::ContainsRegex(" T tw_[a-z_]+$"));
}

class Example : public ::testing::Test {
protected:
  void SetUp() override {
    if (sanitized()) GTEST_SKIP() << "a program without sanitizers cannot load a library with them";
    const std::string library = runtime_library_path;
    const Result built = command("make -s -C " TENSORWRIGHT_SOURCE_DIR "/examples/c CC=" + std::string(c_compiler_path) +
                                 " CFLAGS='-O1 -Wall -Wextra -Werror' INCLUDE=" TENSORWRIGHT_SOURCE_DIR "/abi RUNTIME=" +
                                 library.substr(0, library.rfind('/')) + " OUT=" + program());
    ASSERT_EQ(built.status, 0) << built.text;
    std::filesystem::copy_file(fake_module_path, module());
    runtime::append_trailer(module(), "");
  }
  std::string program() const { return folder_ / "run"; }
  std::string module() const { return folder_ / "module.so"; }

  Folder folder_;
};

TEST_F(Example, runs_with_zeros) {
  const Result result = command(program() + " " + module());
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.text, "module fake, runtime " + std::string(tw_runtime_version()) +
                             "\ninput x: float32 (n, 3)\noutput y: float32 (n, 3)\noutput total: float32 ()\n"
                             "y (1, 3) = 1 1 1\ntotal () = 3\n");
}

TEST_F(Example, runs_with_a_file) {
  const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::ofstream(folder_ / "x.raw", std::ios::binary).write(reinterpret_cast<const char*>(numbers.data()), 9 * sizeof(float));
  const Result result = command(program() + " " + module() + " n=3 x=" + (folder_ / "x.raw"));
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.text, HasSubstr("y (3, 3) = 1 3 5 7 9 11 13 15 ...\ntotal () = 81\n"));
}

TEST_F(Example, says_what_is_wrong) {
  EXPECT_THAT(command(program()).text, HasSubstr("usage: "));
  EXPECT_THAT(command(program() + " /nowhere").text, HasSubstr("module '/nowhere': cannot open the file: no such file or directory"));
  const Result large = command(program() + " " + module() + " n=65");
  EXPECT_EQ(large.status, 1);
  EXPECT_THAT(large.text, HasSubstr("input 'x': expected f32 (n, 3), found f32 (65, 3); n must be from 1 to 64"));
  std::ofstream(folder_ / "short.raw") << "abc";
  EXPECT_THAT(command(program() + " " + module() + " x=" + (folder_ / "short.raw")).text, HasSubstr("expected 12 bytes, found less"));
  EXPECT_THAT(command(program() + " " + module() + " x=/nowhere").text, HasSubstr("cannot open '/nowhere'"));
  EXPECT_THAT(command(program() + " " + module() + " n=-5").text, HasSubstr("input 'x': dimension 0 cannot be -5"));
}

} // namespace
} // namespace tw::test
