// SPDX-License-Identifier: Apache-2.0
// A module file is a shared library, the list of processor features that it needs, and a trailer (tw_trailer in artifact.h). Here the
// trailer is written (by the compiler, after linking) and checked (by the loader, before the system's loader touches the file).
#pragma once

#include "tensorwright/artifact.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace tw::runtime {

// A file descriptor that closes itself.
class File {
public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(other.release()) {}
  File& operator=(File&& other) noexcept;
  ~File();
  int descriptor() const { return descriptor_; }
  // Gives the descriptor away: it stays open.
  int release();

private:
  int descriptor_ = -1;
};

// A file that passed all checks, still open, and what identifies it.
struct CheckedFile {
  File file;
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t checksum = 0;
};

// Turns the shared library at `path` into a module file; `features` as in /proc/cpuinfo, separated by commas. Throws Failure, after which
// the file is as it was.
void append_trailer(const std::string& path, std::string_view features);

// Opens the file once and checks trailer, version, sizes, checksum, machine and features. Throws Failure.
CheckedFile open_module_file(const std::string& path);

} // namespace tw::runtime
