// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/link_shared.h"

#include "base/diagnostics.h"
#include "codegen/llvm/constants_segment.h"
#include "codegen/llvm/imported_symbols.h"
#include "codegen/llvm/linker.h"
#include "codegen/llvm/memory_file.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace tw::codegen {
namespace {

struct PlacedPiece {
  size_t offset; // from the start of the constants
  std::span<const char> bytes;
};

// A file beside the wanted one that disappears unless it is kept.
class PartialFile {
public:
  explicit PartialFile(const std::filesystem::path& wanted) : wanted_(wanted.string()) {
    static std::atomic<int> counter = 0;
    path_ = fmt::format("{}.partial-{}-{}", wanted_, getpid(), counter++);
    descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail(errno);
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    close(descriptor_);
    if (!kept_) unlink(path_.c_str());
  }

  // Reserving first makes a full disk an error before anything large is written.
  void reserve(size_t bytes) {
    if (int error = posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes))) fail(error);
  }
  void write_at(size_t offset, std::span<const char> bytes) {
    while (!bytes.empty()) {
      ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(errno);
      offset += static_cast<size_t>(written);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }
  void keep() {
    if (rename(path_.c_str(), wanted_.c_str()) != 0) fail(errno);
    kept_ = true;
  }

private:
  [[noreturn]] void fail(int error) const { throw user_error("cannot write '{}': {}", wanted_, std::strerror(error)); }

  std::string wanted_, path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

ObjectBytes assemble(const std::string& text) {
  llvm::LLVMContext context;
  llvm::Module module("assembly", context);
  module.appendModuleInlineAsm(text);
  return ModuleCompiler(parse_target("x86-64")).object(module);
}

// A shared library that defines the imported symbols and nothing else: what the linker needs to know of libm and libc.
MemoryFile make_stub(const char* soname, bool libm) {
  std::string text = ".text\n";
  for (const ImportedSymbol& symbol : imported_symbols())
    if (symbol.in_libm == libm) text += fmt::format(".globl {0}\n.type {0},@function\n{0}:\n", symbol.name);
  ObjectBytes object = assemble(text + "ret\n");
  MemoryFile input(soname, object);
  return MemoryFile(soname, run_linker(soname, {input.path()}));
}

struct Stubs {
  MemoryFile libm = make_stub("libm.so.6", true), libc = make_stub("libc.so.6", false);
};

// An object whose section of constants has the blobs' symbols and sizes but no contents.
ObjectBytes describe_blobs(const std::vector<Blob>& blobs, std::vector<PlacedPiece>& pieces) {
  std::string text = fmt::format(".section {},\"aw\",@nobits\n.balign 4096\n", constants_section);
  size_t offset = 0;
  for (const Blob& blob : blobs) {
    auto alignment = static_cast<size_t>(blob.alignment);
    TW_CHECK(std::has_single_bit(alignment) && alignment >= 64, "alignment {}", blob.alignment);
    offset = (offset + alignment - 1) / alignment * alignment;
    text += fmt::format(".balign {1}\n.globl {0}\n.protected {0}\n.type {0},@object\n.size {0},{2}\n{0}:\n.zero {2}\n", blob.symbol,
                        alignment, blob.bytes());
    for (auto piece : blob.pieces) {
      if (piece.empty()) continue;
      pieces.push_back({offset, {reinterpret_cast<const char*>(piece.data()), piece.size()}});
      offset += piece.size();
    }
  }
  return assemble(text);
}

} // namespace

size_t Blob::bytes() const {
  size_t sum = 0;
  for (auto piece : pieces) sum += piece.size();
  return sum;
}

void link_shared(const std::filesystem::path& file, const SharedLibrary& library) {
  static const Stubs stubs;
  PartialFile output(file);
  std::vector<MemoryFile> inputs;
  std::vector<PlacedPiece> pieces;
  for (const ObjectBytes& object : library.objects) inputs.emplace_back("object", object);
  if (!library.blobs.empty()) inputs.emplace_back("constants", describe_blobs(library.blobs, pieces));
  std::vector<std::string> paths;
  for (const MemoryFile& input : inputs) paths.push_back(input.path());
  for (const std::string& word : {std::string("--as-needed"), stubs.libm.path(), stubs.libc.path()}) paths.push_back(word);
  ObjectBytes image = run_linker(library.soname, paths);

  size_t constants = 0;
  if (!pieces.empty()) {
    constants = place_constants_after(image);
    output.reserve(constants + pieces.back().offset + pieces.back().bytes.size());
  }
  output.write_at(0, image);
  for (const PlacedPiece& piece : pieces) output.write_at(constants + piece.offset, piece.bytes);
  output.keep();
}

} // namespace tw::codegen
