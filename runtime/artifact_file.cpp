// SPDX-License-Identifier: Apache-2.0
// Reading goes through a small buffer instead of a mapping, so that checking a large file neither grows the process nor faults when another
// process cuts the file meanwhile.
#include "runtime/artifact_file.h"

#include "runtime/checksum.h"
#include "runtime/cpu_features.h"
#include "runtime/failure.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tw::runtime {
namespace {

constexpr size_t chunk_bytes = 256 * 1024;
constexpr uint32_t maximum_features_bytes = 16 * 1024;

[[noreturn]] void refuse(const std::string& path, const std::string& why, tw_status status = TW_USER_ERROR) {
  throw Failure(status, text("module '", path, "': ", why));
}

std::string hexadecimal(uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, value);
  return digits;
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// O_NONBLOCK: opening a pipe that nobody writes to must not hang; it changes nothing for regular files.
File open_regular(const std::string& path, int flags, struct stat& status) {
  File file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK));
  if (file.descriptor() < 0) {
    if (errno == EISDIR) refuse(path, "expected a regular file, found a directory");
    refuse(path, text("cannot open the file: ", system_text(errno)));
  }
  if (::fstat(file.descriptor(), &status) != 0) refuse(path, text("cannot ask for the file's size: ", system_text(errno)));
  if (!S_ISREG(status.st_mode)) refuse(path, text("expected a regular file, found ", kind_of(status.st_mode)));
  return file;
}

void read_exactly(const std::string& path, const File& file, void* to, size_t bytes, uint64_t offset) {
  auto at = static_cast<unsigned char*>(to);
  while (bytes != 0) {
    const ssize_t got = ::pread(file.descriptor(), at, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, text("cannot read at byte ", offset, ": ", system_text(errno)));
    if (got == 0) refuse(path, text("the file ended at byte ", offset, " while it was read; is another program writing it?"));
    at += got;
    bytes -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
}

Checksum checksum_of(const std::string& path, const File& file, uint64_t bytes) {
  std::vector<unsigned char> buffer(static_cast<size_t>(std::min<uint64_t>(bytes, chunk_bytes)));
  Checksum checksum;
  for (uint64_t offset = 0; offset < bytes;) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(bytes - offset, chunk_bytes));
    read_exactly(path, file, buffer.data(), part, offset);
    checksum.update(buffer.data(), part);
    offset += part;
  }
  return checksum;
}

tw_trailer read_trailer(const std::string& path, const File& file, uint64_t size) {
  tw_trailer trailer;
  const char* advice = "; is it a module that tensorwright compiled, and is it complete?";
  if (size < sizeof trailer)
    refuse(path, text("expected a module trailer of ", sizeof trailer, " bytes, found a file of ", size, " bytes", advice));
  read_exactly(path, file, &trailer, sizeof trailer, size - sizeof trailer);
  if (std::memcmp(trailer.magic, TW_TRAILER_MAGIC, sizeof trailer.magic) != 0)
    refuse(path, text("expected '", TW_TRAILER_MAGIC, "' as the last 8 bytes, found something else", advice));
  return trailer;
}

void check_layout(const std::string& path, const tw_trailer& trailer, uint64_t size) {
  if (trailer.version != TW_ARTIFACT_VERSION)
    refuse(path,
           text("expected artifact version ", TW_ARTIFACT_VERSION, ", found ", trailer.version,
                "; compile the model again with the compiler of this runtime"),
           TW_UNSUPPORTED);
  if (trailer.reserved != 0) refuse(path, text("the trailer is damaged: expected 0 in its reserved field, found ", trailer.reserved));
  const uint64_t before = size - sizeof trailer;
  if (trailer.features_bytes > maximum_features_bytes || trailer.features_bytes > before ||
      trailer.library_bytes != before - trailer.features_bytes)
    refuse(path, text("expected ", trailer.library_bytes, " bytes of library and ", trailer.features_bytes, " of features, found ", before,
                      " bytes before the trailer; the file is cut or damaged"));
}

void check_machine(const std::string& path, const tw_trailer& trailer) {
  char expected[sizeof trailer.machine] = {};
  const std::string_view name = machine_name();
  std::memcpy(expected, name.data(), name.size());
  if (std::memcmp(trailer.machine, expected, sizeof expected) == 0) return;
  std::string found;
  for (char letter : trailer.machine) {
    if (letter == 0) break;
    found += letter >= ' ' && letter <= '~' ? letter : '?';
  }
  refuse(path, text("expected code for ", name, ", found code for '", found, "'; compile the model for this machine"), TW_UNSUPPORTED);
}

void write_exactly(const std::string& path, const File& file, const void* from, size_t bytes, uint64_t offset) {
  auto at = static_cast<const unsigned char*>(from);
  while (bytes != 0) {
    const ssize_t put = ::pwrite(file.descriptor(), at, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) refuse(path, text("cannot write the trailer at byte ", offset, ": ", system_text(put < 0 ? errno : ENOSPC)));
    at += put;
    bytes -= static_cast<size_t>(put);
    offset += static_cast<uint64_t>(put);
  }
}

} // namespace

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int File::release() { return std::exchange(descriptor_, -1); }

void append_trailer(const std::string& path, std::string_view features) {
  struct stat status;
  const File file = open_regular(path, O_RDWR, status);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (features.size() > maximum_features_bytes)
    refuse(path, text("expected at most ", maximum_features_bytes, " bytes of feature names, found ", features.size()));
  if (size >= sizeof(tw_trailer)) {
    tw_trailer old;
    read_exactly(path, file, &old, sizeof old, size - sizeof old);
    if (std::memcmp(old.magic, TW_TRAILER_MAGIC, sizeof old.magic) == 0)
      refuse(path, "expected a plain library, found a module with a trailer");
  }
  Checksum checksum = checksum_of(path, file, size);
  checksum.update(features.data(), features.size());
  tw_trailer trailer = {};
  trailer.version = TW_ARTIFACT_VERSION;
  trailer.library_bytes = size;
  trailer.checksum = checksum.value();
  trailer.features_bytes = static_cast<uint32_t>(features.size());
  std::memcpy(trailer.machine, machine_name().data(), machine_name().size());
  std::memcpy(trailer.magic, TW_TRAILER_MAGIC, sizeof trailer.magic);
  try {
    write_exactly(path, file, features.data(), features.size(), size);
    write_exactly(path, file, &trailer, sizeof trailer, size + features.size());
  } catch (...) {
    [[maybe_unused]] const int ignored = ::ftruncate(file.descriptor(), static_cast<off_t>(size));
    throw;
  }
}

CheckedFile open_module_file(const std::string& path) {
  struct stat before, after;
  CheckedFile result;
  result.file = open_regular(path, O_RDONLY, before);
  const auto size = static_cast<uint64_t>(before.st_size);
  const tw_trailer trailer = read_trailer(path, result.file, size);
  check_layout(path, trailer, size);
  const uint64_t found = checksum_of(path, result.file, trailer.library_bytes + trailer.features_bytes).value();
  if (found != trailer.checksum)
    refuse(path, text("expected checksum ", hexadecimal(trailer.checksum), ", found ", hexadecimal(found),
                      "; the file is damaged: copy it or compile the model again"));
  check_machine(path, trailer);
  std::string features(trailer.features_bytes, '\0');
  read_exactly(path, result.file, features.data(), features.size(), trailer.library_bytes);
  if (std::string missing = missing_features(features); !missing.empty())
    refuse(path, text("this processor lacks ", missing, "; the module needs ", features, "; compile the model for an older target"),
           TW_UNSUPPORTED);
  if (::fstat(result.file.descriptor(), &after) != 0 || after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
    refuse(path, "the file changed while it was checked; wait until it is written, or write it under another name and rename it");
  result.device = before.st_dev;
  result.inode = before.st_ino;
  result.checksum = trailer.checksum;
  return result;
}

} // namespace tw::runtime
