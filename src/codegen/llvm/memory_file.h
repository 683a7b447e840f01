// SPDX-License-Identifier: Apache-2.0
// A file that exists only in memory, for interfaces that insist on a path.
#pragma once

#include "base/diagnostics.h"

#include <cerrno>
#include <cstring>
#include <span>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace tw::codegen {

class MemoryFile {
public:
  explicit MemoryFile(const std::string& name, std::span<const char> bytes) : descriptor_(memfd_create(name.c_str(), MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw unsupported("cannot create a file in memory: {}", std::strerror(errno));
    while (!bytes.empty()) {
      ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        int reason = errno;
        close(descriptor_);
        throw user_error("cannot write a file in memory: {}", std::strerror(reason));
      }
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }
  MemoryFile(MemoryFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

private:
  int descriptor_;
};

} // namespace tw::codegen
