// SPDX-License-Identifier: Apache-2.0
// Compiled objects to a shared library on disk, by LLD inside this process: a user's machine needs neither compiler nor linker nor headers.
//
// The library asks for libm.so.6 and libc.so.6 only if it uses them, exports what the objects declare with default visibility, is bound
// completely when loaded, and has no writable data. Constants (weights) become a read-only segment at its end: they are written straight to
// the file, never through the linker, so that hundreds of megabytes cost one write.
#pragma once

#include "codegen/llvm/compile_module.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace tw::codegen {

// Read-only data under a symbol that the objects may refer to (declared `external` there) and that dlsym finds.
struct Blob {
  std::string symbol;
  std::vector<std::span<const std::byte>> pieces; // one after the other, without gaps
  int alignment = 4096;                           // a power of two from 64 on

  size_t bytes() const;
};

struct SharedLibrary {
  std::string soname;
  std::span<const ObjectBytes> objects;
  std::vector<Blob> blobs;
};

// Writes aside and renames, so that `file` is never seen half written; leaves nothing behind on failure. Thread-safe, one link at a time.
// Fails with a user error if the file cannot be written, with an internal one if the objects do not link.
void link_shared(const std::filesystem::path& file, const SharedLibrary& library);

} // namespace tw::codegen
