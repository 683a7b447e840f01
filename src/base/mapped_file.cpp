// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include "base/diagnostics.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

namespace tw {
namespace {

namespace fs = std::filesystem;

class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

private:
  int number_;
};

Error cannot_open(const std::string& path, int reason) { return user_error("cannot open '{}': {}", path, std::strerror(reason)); }

// O_NONBLOCK: opening a named pipe must not wait for a writer.
constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

bool has_parent_component(const fs::path& path) {
  return std::any_of(path.begin(), path.end(), [](const fs::path& component) { return component == ".."; });
}

Error outside(const std::string& name, const std::string& folder, const char* why) {
  return user_error("the file name '{}' {}, but only files inside '{}' may be read", name, why, folder)
      .hint("a model may only read files from its own folder; put the file there and name it by its relative path");
}

// Opens `relative`, which has no link in it any more, step by step from `root`; a link that has appeared meanwhile fails.
Descriptor open_without_links(const fs::path& root, const fs::path& relative) {
  Descriptor current(::open(root.c_str(), read_flags | O_DIRECTORY));
  for (auto component = relative.begin(); component != relative.end(); ++component) {
    if (current.number() < 0) break;
    int kind = std::next(component) == relative.end() ? 0 : O_DIRECTORY;
    current = Descriptor(::openat(current.number(), component->c_str(), read_flags | O_NOFOLLOW | kind));
  }
  return current;
}

} // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) throw user_error("a file name may not contain a zero byte");
  Descriptor descriptor(::open(path.c_str(), read_flags));
  if (descriptor.number() < 0) throw cannot_open(path, errno);
  return map(descriptor.number(), path);
}

std::shared_ptr<const MappedFile> MappedFile::open_inside(const std::string& folder, const std::string& name,
                                                          const std::string& second_folder) {
  if (name.empty()) throw user_error("the file name is empty");
  if (name.find('\0') != std::string::npos) throw user_error("a file name may not contain a zero byte");
  fs::path relative(name);
  if (relative.is_absolute()) throw outside(name, folder, "is absolute");
  if (has_parent_component(relative)) throw outside(name, folder, "contains '..'");
  fs::path first = folder.empty() ? fs::path(".") : fs::path(folder);
  std::error_code failure;
  fs::path resolved = fs::canonical(first / relative, failure);
  if (failure) throw cannot_open((first / relative).string(), failure.value());
  for (const fs::path& allowed : {first, fs::path(second_folder)}) {
    if (allowed.empty()) continue;
    fs::path root = fs::canonical(allowed, failure);
    if (failure) throw cannot_open(allowed.string(), failure.value());
    fs::path inside = resolved.lexically_relative(root);
    if (inside.empty() || has_parent_component(inside)) continue;
    Descriptor descriptor = open_without_links(root, inside);
    if (descriptor.number() < 0) throw cannot_open(resolved.string(), errno);
    return map(descriptor.number(), resolved.string());
  }
  throw outside(name, folder, "leads outside through a link");
}

std::shared_ptr<const MappedFile> MappedFile::map(int descriptor, const std::string& path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) throw cannot_open(path, errno);
  if (S_ISDIR(status.st_mode)) throw user_error("'{}' is a folder, expected a file", path);
  if (!S_ISREG(status.st_mode)) throw user_error("'{}' is not an ordinary file", path);
  auto size = static_cast<size_t>(status.st_size);
  void* address = nullptr;
  if (size > 0) {
    address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) throw user_error("cannot map '{}' ({} bytes) into memory: {}", path, size, std::strerror(errno));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, address, size));
}

namespace {
// What is mapped at present, by its first byte: `release` must never touch memory of another kind, which would lose its contents.
struct Mappings {
  std::mutex mutex;
  std::map<const std::byte*, size_t> sizes;
};
Mappings& mappings() {
  static auto* all = new Mappings; // never destroyed: files may be closed after static destructors
  return *all;
}
} // namespace

MappedFile::MappedFile(std::string path, void* address, size_t size) : path_(std::move(path)), address_(address), size_(size) {
  std::lock_guard lock(mappings().mutex);
  if (address != nullptr) mappings().sizes.emplace(static_cast<const std::byte*>(address), size);
}

void MappedFile::release(std::span<const std::byte> bytes) {
  constexpr size_t page = 4096, worth_a_call = 16 * page;
  if (bytes.size() < worth_a_call) return;
  std::lock_guard lock(mappings().mutex);
  auto found = mappings().sizes.upper_bound(bytes.data());
  if (found == mappings().sizes.begin()) return;
  --found;
  auto begin = static_cast<size_t>(bytes.data() - found->first), end = begin + bytes.size();
  if (end > found->second) return;
  begin = begin / page * page;
  ::madvise(const_cast<std::byte*>(found->first) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) {
    std::lock_guard lock(mappings().mutex);
    mappings().sizes.erase(static_cast<const std::byte*>(address_));
  }
  if (address_ != nullptr) ::munmap(address_, size_);
}

} // namespace tw
