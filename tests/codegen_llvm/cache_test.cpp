// SPDX-License-Identifier: Apache-2.0
// The cache of compiled objects: round trips, damage, limits, folders that cannot be used.
#include "codegen/llvm/object_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

namespace tw::codegen {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Sets a variable of the environment for one scope.
class Variable {
public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }

private:
  const char* name_;
  std::optional<std::string> old_;
};

class Cache : public testing::Test {
protected:
  void SetUp() override {
    folder =
        fs::path(testing::TempDir()) / fmt::format("cache_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override { fs::remove_all(folder); }
  ObjectCache make(int64_t limit = ObjectCache::default_limit) {
    return ObjectCache(
        folder, [this](Remark remark) { remarks.push_back(remark.text); }, limit);
  }
  std::vector<fs::path> files() {
    std::vector<fs::path> found;
    if (fs::exists(folder))
      for (const auto& file : fs::directory_iterator(folder)) found.push_back(file.path());
    return found;
  }

  fs::path folder;
  std::vector<std::string> remarks;
};

std::string text_of(const std::optional<ObjectBytes>& object) { return object ? std::string(object->begin(), object->end()) : "absent"; }
std::span<const char> bytes_of(const std::string& text) { return {text.data(), text.size()}; }

TEST_F(Cache, GivesBackWhatWasStored) {
  // The next process (another cache object) finds the bytes under the same key and nothing under another.
  CacheKey key = hash_key("kernel one"), other = hash_key("kernel two");
  EXPECT_FALSE(key == other);
  EXPECT_EQ(text_of(make().find(key)), "absent");
  make().store(key, bytes_of("machine code"));
  EXPECT_EQ(text_of(make().find(key)), "machine code");
  EXPECT_EQ(text_of(make().find(other)), "absent");
  EXPECT_EQ(files().size(), 1u) << "no partial file is left";
  EXPECT_TRUE(remarks.empty());
}

TEST_F(Cache, IgnoresAndRewritesDamagedEntries) {
  // One changed byte anywhere, a cut file, an empty file, an entry under the wrong name: all count as absent; a store repairs them.
  CacheKey key = hash_key("kernel");
  make().store(key, bytes_of("machine code"));
  fs::path file = files().at(0);
  auto size = fs::file_size(file);
  for (uintmax_t position = 0; position < size; ++position) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(position));
    char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(static_cast<std::streamoff>(position));
    stream.put(byte);
    stream.close();
    EXPECT_EQ(text_of(make().find(key)), "absent") << position;
    make().store(key, bytes_of("machine code"));
    EXPECT_EQ(text_of(make().find(key)), "machine code");
  }
  for (uintmax_t length : {size - 1, uintmax_t{20}, uintmax_t{0}}) {
    fs::resize_file(file, length);
    EXPECT_EQ(text_of(make().find(key)), "absent");
  }
  make().store(key, bytes_of("machine code"));
  CacheKey other = hash_key("another");
  fs::rename(file, folder / fmt::format("{:016x}{:016x}.object", other.high, other.low));
  EXPECT_EQ(text_of(make().find(other)), "absent");
}

TEST_F(Cache, KeepsWhatWasUsedLast) {
  // Beyond the limit the entries that were not used for longest go; a find counts as use; other files in the folder stay.
  std::string large(1000, 'x');
  {
    ObjectCache cache = make(5000);
    for (int i = 0; i < 4; ++i) {
      cache.store(hash_key(std::to_string(i)), bytes_of(large));
      for (const auto& file : files()) fs::last_write_time(file, fs::last_write_time(file) - std::chrono::minutes(1));
    }
    std::ofstream(folder / "notes.txt") << "mine";
    EXPECT_NE(text_of(cache.find(hash_key("0"))), "absent");
    cache.store(hash_key("4"), bytes_of(large));
  }
  ObjectCache cache = make(5000);
  EXPECT_NE(text_of(cache.find(hash_key("0"))), "absent");
  EXPECT_EQ(text_of(cache.find(hash_key("1"))), "absent");
  EXPECT_NE(text_of(cache.find(hash_key("4"))), "absent");
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));
}

TEST_F(Cache, RemovesWhatDeadProcessesLeft) {
  // A partial file older than an hour has no writer any more.
  fs::create_directories(folder);
  fs::path stale = folder / "00.object.partial-1-0", fresh = folder / "01.object.partial-1-0";
  std::ofstream(stale) << "x";
  std::ofstream(fresh) << "x";
  fs::last_write_time(stale, fs::last_write_time(stale) - std::chrono::hours(2));
  make().trim();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(Cache, ReportsAnUnusableFolderOnce) {
  // A folder that cannot be made is no error: one remark, then silence.
  std::ofstream(folder) << "a file where the folder should be";
  ObjectCache cache = make();
  cache.store(hash_key("a"), bytes_of("1"));
  cache.store(hash_key("b"), bytes_of("2"));
  EXPECT_EQ(text_of(cache.find(hash_key("a"))), "absent");
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_THAT(remarks[0], HasSubstr(folder.string()));
}

TEST_F(Cache, TheEnvironmentNamesTheFolder) {
  // Our variable first, then the one of the desktop, then the home folder; "off" means none.
  Variable ours("TENSORWRIGHT_CACHE", nullptr), shared("XDG_CACHE_HOME", nullptr), home("HOME", "/home/someone");
  EXPECT_EQ(ObjectCache::default_folder(), fs::path("/home/someone/.cache/tensorwright"));
  Variable xdg("XDG_CACHE_HOME", "/var/cache/someone");
  EXPECT_EQ(ObjectCache::default_folder(), fs::path("/var/cache/someone/tensorwright"));
  Variable set("TENSORWRIGHT_CACHE", "/tmp/mine");
  EXPECT_EQ(ObjectCache::default_folder(), fs::path("/tmp/mine"));
  Variable off("TENSORWRIGHT_CACHE", "off");
  EXPECT_EQ(ObjectCache::default_folder(), std::nullopt);
  ObjectCache none(ObjectCache::default_folder());
  none.store(hash_key("a"), bytes_of("1"));
  EXPECT_EQ(text_of(none.find(hash_key("a"))), "absent");
}

TEST_F(Cache, ManyThreadsShareIt) {
  // Writers and readers of the same keys never see a half-written entry.
  std::string large(100000, 'y');
  ObjectCache cache = make();
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        CacheKey key = hash_key(std::to_string(i % 5));
        cache.store(key, bytes_of(large));
        auto found = cache.find(key);
        EXPECT_TRUE(found && std::string_view(found->data(), found->size()) == large);
      }
    });
  threads.clear();
  EXPECT_EQ(files().size(), 5u);
}

} // namespace
} // namespace tw::codegen
