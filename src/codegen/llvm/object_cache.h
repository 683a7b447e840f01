// SPDX-License-Identifier: Apache-2.0
// Compiled objects on disk, so that a kernel that was compiled once need not be compiled again by the next process.
//
// The folder is TENSORWRIGHT_CACHE if set ("off": no cache), else the user's (base/user_folder.h). An entry is one file named by its key.
// Entries are written aside and renamed; what is read is checked, and a damaged entry counts as absent. Any number of processes and threads
// may share a folder. A cache never fails: what it cannot do it reports once as a remark.
#pragma once

#include "base/diagnostics.h"
#include "codegen/llvm/compile_module.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>

namespace tw::codegen {

// 128 bits that name everything the object depends on: its IR, the target, the options, the build of the compiler.
struct CacheKey {
  uint64_t high = 0, low = 0;
  bool operator==(const CacheKey&) const = default;
};
CacheKey hash_key(std::string_view text);

class ObjectCache {
public:
  using RemarkSink = std::function<void(Remark)>;
  static constexpr int64_t default_limit = int64_t{1} << 30;

  // The folder that the environment names; nothing when it is switched off or there is no home.
  static std::optional<std::filesystem::path> default_folder();

  // Without a folder: a cache that holds nothing. The folder is made at the first store.
  explicit ObjectCache(std::optional<std::filesystem::path> folder = default_folder(), RemarkSink remarks = {},
                       int64_t limit_bytes = default_limit);
  // Removes the entries that were not used for longest, if the folder has grown beyond its limit.
  ~ObjectCache();

  std::optional<ObjectBytes> find(const CacheKey& key);
  void store(const CacheKey& key, std::span<const char> object);
  void trim();

private:
  std::filesystem::path path_of(const CacheKey& key) const;
  void remark_once(const std::string& text);

  std::optional<std::filesystem::path> folder_;
  RemarkSink remarks_;
  int64_t limit_bytes_;
  std::mutex mutex_; // of the two below
  bool reported_ = false;
  bool stored_ = false;
};

} // namespace tw::codegen
