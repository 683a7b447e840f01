// SPDX-License-Identifier: Apache-2.0
// What the stages around a kernel cost: LLVM's start, code generation, loading in memory or as a file, constants in a file, the object
// cache.
//
//   bench_codegen_start [--kernels N] [--megabytes N]
//
// Kernels are register tiles of different sizes, so that none is like another. Each line is the best of several runs, and the first run
// where that differs (it includes relocation of the LLVM library and registration of its back end).
#include "codegen/llvm/jit.h"
#include "codegen/llvm/link_shared.h"
#include "codegen/llvm/object_cache.h"
#include "register_tile.h"

#include "base/diagnostics.h"

#include <llvm/IR/LLVMContext.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <dlfcn.h>
#include <unistd.h>

using namespace tw;
using namespace tw::codegen;
using namespace tw::bench;

namespace {

double milliseconds_of(auto&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void line(const char* what, int runs, auto&& body) {
  double first = 0, best = 1e9;
  for (int run = 0; run < runs; ++run) {
    double time = milliseconds_of(body);
    if (run == 0) first = time;
    best = std::min(best, time);
  }
  std::printf("| %s | %.2f | %.2f |\n", what, first, best);
  std::fflush(stdout);
}

std::vector<CompileTask> tasks(int count, int lanes) {
  std::vector<CompileTask> list;
  for (int i = 0; i < count; ++i) {
    TileShape shape{4 + i % 9, 1 + i / 9 % 2, 4, 64 + 4 * i, 512, Rows::strided, lanes};
    list.push_back({[shape](llvm::LLVMContext& context) { return build_tile(context, shape); }, double(shape.mr * shape.nv)});
  }
  return list;
}

} // namespace

int main(int argc, char** argv) try {
  int kernels = 16, megabytes = 100;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view word = argv[i];
    if (word == "--kernels") kernels = std::atoi(argv[i + 1]);
    else if (word == "--megabytes") megabytes = std::atoi(argv[i + 1]);
    else throw user_error("unknown option {}", word);
  }
  Target target = native_target();
  std::vector<CompileTask> work = tasks(kernels, target.lanes(4));
  std::vector<ObjectBytes> objects;
  std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("bench_codegen_{}", getpid());
  std::filesystem::create_directories(folder);
  auto file = folder / "kernels.so";
  std::printf("| stage (%d kernels) | first ms | best ms |\n| --- | --- | --- |\n", kernels);
  line("native_target", 3, [] { native_target(); });
  line("initialize_llvm", 1, [] { initialize_llvm(); });
  line("make a ModuleCompiler", 10, [&] { ModuleCompiler compiler(target); });
  line("compile, one thread", 3, [&] { objects = compile_parallel(work, target, 1); });
  line("compile, one thread, no middle end", 3, [&] { compile_parallel(work, target, 1, {.middle_end = false}); });
  line("compile, one thread, no middle end, level 1", 3, [&] { compile_parallel(work, target, 1, {.level = 1, .middle_end = false}); });
  line("compile, two threads", 5, [&] { compile_parallel(work, target, 2); });
  line("load in memory", 20, [&] { JitCode code(objects); });
  line("load in memory, one object", 20, [&] { JitCode code(std::span<const ObjectBytes>(objects).first(1)); });
  line("link a shared library", 20, [&] { link_shared(file, {"kernels.so", objects, {}}); });
  line("dlopen and dlclose it", 20, [&] { dlclose(dlopen(file.c_str(), RTLD_NOW)); });
  std::vector<std::byte> weights(static_cast<size_t>(megabytes) << 20, std::byte{7});
  std::string text = fmt::format("link a shared library with {} MB of constants", megabytes);
  line(text.c_str(), 5, [&] { link_shared(file, {"kernels.so", objects, {{"weights", {weights}}}}); });
  line("dlopen and dlclose that", 5, [&] { dlclose(dlopen(file.c_str(), RTLD_NOW)); });
  ObjectCache cache(folder / "cache");
  line("store all objects in the cache", 5, [&] {
    for (size_t i = 0; i < objects.size(); ++i) cache.store(hash_key(std::to_string(i)), objects[i]);
  });
  line("find all objects in the cache", 5, [&] {
    for (size_t i = 0; i < objects.size(); ++i) cache.find(hash_key(std::to_string(i)));
  });
  std::filesystem::remove_all(folder);
} catch (const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return exit_code(error.kind());
}
