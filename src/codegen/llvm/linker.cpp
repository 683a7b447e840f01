// SPDX-License-Identifier: Apache-2.0
// LLD writes ordinary files through a temporary one that signal handlers remove, and those handlers would belong to the whole process. For
// anything but an ordinary file it writes directly, so its output is a pipe that a second thread empties.
#include "codegen/llvm/linker.h"

#include "base/diagnostics.h"

#include <lld/Common/Driver.h>
#include <llvm/Support/raw_ostream.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace tw::codegen {
namespace {

class Pipe {
public:
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw unsupported("cannot create a pipe: {}", std::strerror(errno));
    read_end_ = ends[0], write_end_ = ends[1];
    reader_ = std::thread([this] { empty(); });
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    finish();
    close(read_end_);
  }

  std::string path() const { return fmt::format("/proc/self/fd/{}", write_end_); }
  // All that was written. The writer has closed the path.
  ObjectBytes finish() {
    if (write_end_ >= 0) close(std::exchange(write_end_, -1));
    if (reader_.joinable()) reader_.join();
    return std::move(bytes_);
  }

private:
  void empty() {
    constexpr size_t step = 1 << 16;
    for (size_t size = 0;;) {
      bytes_.resize_for_overwrite(size + step);
      ssize_t count = read(read_end_, bytes_.data() + size, step);
      if (count < 0 && errno == EINTR) continue;
      size += count > 0 ? static_cast<size_t>(count) : 0;
      bytes_.truncate(size);
      if (count <= 0) return;
    }
  }

  int read_end_ = -1, write_end_ = -1;
  ObjectBytes bytes_;
  std::thread reader_;
};

} // namespace

ObjectBytes run_linker(const std::string& soname, const std::vector<std::string>& inputs) {
  static std::mutex mutex; // LLD keeps global state
  std::lock_guard lock(mutex);
  Pipe output;
  std::string output_path = output.path();
  std::vector<const char*> words = {"ld.lld",
                                    "-shared",
                                    "--threads=1",
                                    "--build-id=none",
                                    "--hash-style=gnu",
                                    "-z",
                                    "now",
                                    "-z",
                                    "max-page-size=4096",
                                    "-z",
                                    "defs",
                                    "-soname",
                                    soname.c_str(),
                                    "-o",
                                    output_path.c_str()};
  for (const std::string& input : inputs) words.push_back(input.c_str());
  std::string out, errors;
  llvm::raw_string_ostream out_stream(out), error_stream(errors);
  lld::Result result = lld::lldMain(words, out_stream, error_stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) throw internal_error("linking failed: {}", error_stream.str());
  return output.finish();
}

} // namespace tw::codegen
