// SPDX-License-Identifier: Apache-2.0
// Objects to shared libraries: loading, imports, constants, failures.
#include "codegen/llvm/link_shared.h"
#include "kernels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <numeric>

#include <dlfcn.h>
#include <link.h>

namespace tw::codegen {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class LinkShared : public testing::Test {
protected:
  void SetUp() override {
    folder =
        fs::path(testing::TempDir()) / fmt::format("link_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder);
  }
  void TearDown() override {
    if (handle) dlclose(handle);
    fs::remove_all(folder);
  }
  template <class F> F* load(const fs::path& file, const char* symbol) {
    handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) throw user_error("{}", dlerror());
    return reinterpret_cast<F*>(dlsym(handle, symbol));
  }
  std::vector<std::string> needed() {
    link_map* map = nullptr;
    dlinfo(handle, RTLD_DI_LINKMAP, &map);
    const char* strings = nullptr;
    std::vector<std::string> names;
    for (auto* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry)
      if (entry->d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
    for (auto* entry = map->l_ld; entry->d_tag != DT_NULL; ++entry)
      if (entry->d_tag == DT_NEEDED) names.push_back(strings + entry->d_un.d_val);
    return names;
  }
  size_t files() { return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator())); }

  fs::path folder;
  void* handle = nullptr;
};

TEST_F(LinkShared, NeedsNothingThatItDoesNotUse) {
  // Plain arithmetic loads without libm or libc; two objects see each other's functions.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(add_function("add_two", 2)));
  objects.push_back(compile_text("declare i32 @add_two(i32)\ndefine i32 @f(i32 %x) {\n %y = call i32 @add_two(i32 %x)\n ret i32 %y\n}"));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  EXPECT_EQ(load<int(int)>(folder / "a.so", "f")(5), 7);
  EXPECT_TRUE(needed().empty());
  EXPECT_EQ(files(), 1u);
}

TEST_F(LinkShared, FindsLibmWhenLoaded) {
  // A call of libm becomes a need of libm.so.6 that the system's loader resolves.
  std::vector<ObjectBytes> objects;
  objects.push_back(
      compile_text("declare float @expf(float)\ndefine float @f(float %x) {\n %y = call float @expf(float %x)\n ret float %y\n}"));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  EXPECT_FLOAT_EQ(load<float(float)>(folder / "a.so", "f")(1), std::exp(1.0f));
  EXPECT_THAT(needed(), testing::ElementsAre("libm.so.6"));
}

TEST_F(LinkShared, PlacesConstantsReadOnlyAndAligned) {
  // Pieces follow each other; code reads them by symbol; each blob has its alignment; the memory is not writable.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(R"(
@weights = external constant [0 x i32]
@more = external constant [0 x i32]
define i32 @at(i64 %i) {
  %p = getelementptr [0 x i32], ptr @weights, i64 0, i64 %i
  %y = load i32, ptr %p
  ret i32 %y
}
define i32 @more_at(i64 %i) {
  %p = getelementptr [0 x i32], ptr @more, i64 0, i64 %i
  %y = load i32, ptr %p
  ret i32 %y
})"));
  std::vector<int> first(100003), second(777);
  std::iota(first.begin(), first.end(), 1000);
  std::iota(second.begin(), second.end(), -5);
  std::vector<Blob> blobs = {{"weights", {std::as_bytes(std::span(first)), std::as_bytes(std::span(second))}},
                             {"more", {std::as_bytes(std::span(second))}, 128}};
  link_shared(folder / "a.so", {"a.so", objects, blobs});
  auto* at = load<int(int64_t)>(folder / "a.so", "at");
  auto* more_at = reinterpret_cast<int (*)(int64_t)>(dlsym(handle, "more_at"));
  EXPECT_EQ(at(0), 1000);
  EXPECT_EQ(at(100002), 101002);
  EXPECT_EQ(at(100003), -5);
  EXPECT_EQ(more_at(776), 771);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(dlsym(handle, "weights")) % 4096, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(dlsym(handle, "more")) % 128, 0u);
  std::ifstream maps("/proc/self/maps");
  auto address = reinterpret_cast<uintptr_t>(dlsym(handle, "weights"));
  for (std::string line; std::getline(maps, line);) {
    size_t dash = line.find('-');
    auto begin = std::stoull(line, nullptr, 16), end = std::stoull(line.substr(dash + 1), nullptr, 16);
    if (address >= begin && address < end) { EXPECT_THAT(line, HasSubstr(" r--p ")); }
  }
}

TEST_F(LinkShared, UndefinedSymbolsAreNamed) {
  // What is neither in the objects nor in the list of imports is an internal error, and no file stays behind.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text("declare i32 @getpid()\ndefine i32 @f() {\n %x = call i32 @getpid()\n ret i32 %x\n}"));
  try {
    link_shared(folder / "a.so", {"a.so", objects, {}});
    FAIL() << "getpid was resolved";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_THAT(error.what(), HasSubstr("getpid"));
  }
  EXPECT_EQ(files(), 0u);
  objects[0] = compile_text(add_function("f", 1));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  EXPECT_EQ(load<int(int)>(folder / "a.so", "f")(1), 2) << "the linker works again after an error";
}

TEST_F(LinkShared, LeavesSignalsAlone) {
  // A library in someone's process must not change what Ctrl-C does.
  auto handlers = [] {
    std::vector<sighandler_t> list;
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGSEGV, SIGUSR1}) {
      struct sigaction action {};
      sigaction(number, nullptr, &action);
      list.push_back(action.sa_handler);
    }
    return list;
  };
  auto before = handlers();
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(add_function("f", 1)));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  EXPECT_EQ(handlers(), before);
}

TEST_F(LinkShared, ReportsFilesThatCannotBeWritten) {
  // A missing folder is the user's mistake and says which file.
  try {
    link_shared(folder / "missing" / "a.so", {"a.so", {}, {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), HasSubstr("missing/a.so"));
  }
}

TEST_F(LinkShared, ReplacesAFileThatIsInUse) {
  // The new library is a new file: code that was loaded from the old one keeps working.
  std::vector<ObjectBytes> objects;
  objects.push_back(compile_text(add_function("f", 1)));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  auto* old = load<int(int)>(folder / "a.so", "f");
  objects[0] = compile_text(add_function("f", 100));
  link_shared(folder / "a.so", {"a.so", objects, {}});
  EXPECT_EQ(old(1), 2);
}

} // namespace
} // namespace tw::codegen
