// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/object_cache.h"

#include "base/user_folder.h"

#include <llvm/Support/xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tw::codegen {
namespace {

namespace fs = std::filesystem;

// What stands before the object in a file. A change of the format changes the magic.
struct Header {
  char magic[8];
  CacheKey key;
  uint64_t size, checksum;
};
constexpr char magic[8] = {'T', 'W', 'O', 'B', 'J', '0', '0', '1'};
constexpr const char* extension = ".object";

uint64_t checksum_of(std::span<const char> bytes) {
  return llvm::xxh3_64bits(llvm::ArrayRef(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

Header header_of(const CacheKey& key, std::span<const char> object) {
  Header header{{}, key, object.size(), checksum_of(object)};
  std::memcpy(header.magic, magic, sizeof magic);
  return header;
}

// All of it or nothing.
bool read_all(int descriptor, char* to, size_t size) {
  while (size) {
    ssize_t count = read(descriptor, to, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    to += count, size -= static_cast<size_t>(count);
  }
  return true;
}
bool write_all(int descriptor, const char* from, size_t size) {
  while (size) {
    ssize_t count = write(descriptor, from, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    from += count, size -= static_cast<size_t>(count);
  }
  return true;
}

std::optional<ObjectBytes> read_entry(int descriptor, const CacheKey& key) {
  Header header;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !read_all(descriptor, reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  if (std::memcmp(header.magic, magic, sizeof magic) != 0 || !(header.key == key)) return std::nullopt;
  if (header.size != static_cast<uint64_t>(status.st_size) - sizeof header) return std::nullopt;
  ObjectBytes object;
  object.resize_for_overwrite(header.size);
  if (!read_all(descriptor, object.data(), object.size()) || checksum_of(object) != header.checksum) return std::nullopt;
  return object;
}

} // namespace

CacheKey hash_key(std::string_view text) {
  auto hash = llvm::xxh3_128bits(llvm::ArrayRef(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  return {hash.high64, hash.low64};
}

std::optional<fs::path> ObjectCache::default_folder() {
  const char* chosen = std::getenv("TENSORWRIGHT_CACHE");
  if (!chosen || !*chosen) return user_cache_folder();
  if (std::string_view(chosen) == "off") return std::nullopt;
  return fs::path(chosen);
}

ObjectCache::ObjectCache(std::optional<fs::path> folder, RemarkSink remarks, int64_t limit_bytes)
    : folder_(std::move(folder)), remarks_(std::move(remarks)), limit_bytes_(limit_bytes) {}

ObjectCache::~ObjectCache() {
  if (stored_) trim();
}

fs::path ObjectCache::path_of(const CacheKey& key) const {
  return *folder_ / fmt::format("{:016x}{:016x}{}", key.high, key.low, extension);
}

void ObjectCache::remark_once(const std::string& text) {
  std::lock_guard lock(mutex_);
  if (!std::exchange(reported_, true) && remarks_) remarks_({"object cache", text});
}

std::optional<ObjectBytes> ObjectCache::find(const CacheKey& key) {
  if (!folder_) return std::nullopt;
  int descriptor = open(path_of(key).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  auto object = read_entry(descriptor, key);
  if (object) futimens(descriptor, nullptr); // the time of last use, for trim
  close(descriptor);
  return object;
}

void ObjectCache::store(const CacheKey& key, std::span<const char> object) {
  if (!folder_) return;
  static std::atomic<int> counter = 0;
  std::error_code error;
  fs::create_directories(*folder_, error);
  fs::path path = path_of(key);
  std::string partial = fmt::format("{}.partial-{}-{}", path.string(), getpid(), counter++);
  int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    remark_once(fmt::format("cannot write to '{}' ({}): kernels are compiled anew each time", folder_->string(), std::strerror(errno)));
    return;
  }
  Header header = header_of(key, object);
  bool written =
      write_all(descriptor, reinterpret_cast<const char*>(&header), sizeof header) && write_all(descriptor, object.data(), object.size());
  int reason = errno;
  close(descriptor);
  if (written && rename(partial.c_str(), path.c_str()) == 0) {
    std::lock_guard lock(mutex_);
    stored_ = true;
    return;
  }
  if (written) reason = errno;
  unlink(partial.c_str());
  remark_once(fmt::format("cannot write to '{}' ({}): kernels are compiled anew each time", folder_->string(), std::strerror(reason)));
}

void ObjectCache::trim() {
  if (!folder_) return;
  struct Entry {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  int64_t sum = 0;
  std::error_code error;
  // Left by processes that died while they wrote.
  auto abandoned = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (fs::directory_iterator file(*folder_, error), end; !error && file != end; file.increment(error)) {
    std::error_code gone; // another process may remove it first
    Entry entry{file->last_write_time(gone), static_cast<int64_t>(file->file_size(gone)), file->path()};
    if (gone) continue;
    bool partial = entry.path.filename().string().find(".object.partial-") != std::string::npos;
    if (partial && entry.used < abandoned) fs::remove(entry.path, gone);
    if (entry.path.extension() != extension) continue; // not ours
    sum += entry.bytes;
    entries.push_back(std::move(entry));
  }
  if (sum <= limit_bytes_) return;
  // Below the limit with room to spare, so that the next store does not trim again.
  std::ranges::sort(entries, {}, &Entry::used);
  for (const Entry& entry : entries) {
    if (sum <= limit_bytes_ / 10 * 9) return;
    if (fs::remove(entry.path, error)) sum -= entry.bytes;
  }
}

} // namespace tw::codegen
