// SPDX-License-Identifier: Apache-2.0
// Which register tile is fastest on this machine, in per cent of a register-only multiply-add loop measured in the same rounds.
//
//   bench_register_tiles [--target T] [--level N] [--lsr] [--rounds N] [--blocks N] [--table sizes|unroll|strides|rows|small|cold]
//   [--assembly]
//
// Each figure is best of `rounds` against the best peak of the same rounds; a round is some 200 µs of each. `blocks` row blocks of A pass
// over one panel of B, as in a matrix product; C is written for each block.
#include "codegen/llvm/jit.h"
#include "codegen/llvm/probe.h"
#include "register_tile.h"

#include "base/diagnostics.h"

#include <llvm/IR/LLVMContext.h>
#include <llvm/Support/CommandLine.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

using namespace tw;
using namespace tw::codegen;
using namespace tw::bench;

namespace {

using TileFunction = void(const float*, const float*, float*, const int64_t*);

struct Settings {
  std::string target = "native", table = "sizes";
  CodegenOptions options = {.level = 2, .middle_end = false};
  int rounds = 40, blocks = 4, panels = 1;
  bool assembly = false;
};

double seconds_of(auto&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct AlignedFloats {
  explicit AlignedFloats(size_t count) : data(static_cast<float*>(std::aligned_alloc(4096, (count * 4 + 4095) / 4096 * 4096))) {
    for (size_t i = 0; i < count; ++i) data[i] = float(i % 13) * 0.25f - 1.5f;
  }
  ~AlignedFloats() { std::free(data); }
  float* data;
};

struct Loaded {
  TileShape shape;
  JitCode code;
  int spills, instructions;
  double compile_ms;
};

int count_lines(const std::string& text, auto&& wanted) {
  int count = 0;
  for (size_t start = 0; start < text.size();) {
    size_t end = std::min(text.find('\n', start), text.size());
    count += wanted(std::string_view(text).substr(start, end - start));
    start = end + 1;
  }
  return count;
}

Loaded load(const TileShape& shape, const Target& target, const Settings& settings) {
  ModuleCompiler compiler(target, settings.options);
  std::vector<ObjectBytes> objects;
  llvm::LLVMContext context, text_context;
  auto module = build_tile(context, shape);
  double seconds = seconds_of([&] { objects.push_back(compiler.object(*module)); });
  auto text_module = build_tile(text_context, shape);
  std::string text = compiler.assembly(*text_module);
  if (settings.assembly) std::puts(text.c_str());
  size_t loop = text.find(".LBB0_1:"), end = text.find("\tj", std::min(loop, text.size()));
  TW_CHECK(loop != std::string::npos && end != std::string::npos, "no loop in:\n{}", text);
  std::string body = text.substr(loop, end - loop + 1);
  int spills = count_lines(body, [](auto line) { return line.find("(%rsp") != line.npos || line.find("(%rbp") != line.npos; });
  int instructions = count_lines(body, [](auto line) { return line.starts_with("\t") && !line.starts_with("\t."); });
  return {shape, JitCode(objects), spills, instructions, seconds * 1e3};
}

// The tile against a plain product, so that a fast wrong tile does not count.
void check(const TileShape& s, const float* a, const float* b, const float* c) {
  int width = s.nv * s.lanes;
  for (int row = 0; row < s.mr; ++row)
    for (int column = 0; column < width; column += 7) {
      double sum = 0;
      for (int64_t k = 0; k < s.k; ++k) sum += double(a[row * s.lda + k]) * b[k * width + column];
      if (std::abs(sum - c[row * width + column]) > 1e-2 * (1 + std::abs(sum)))
        throw internal_error("{}: wrong result at {}, {}", name_of(s), row, column);
    }
}

// Per cent of the peak.
double measure(const Loaded& tile, const Probe& peak, const Settings& settings) {
  const TileShape& s = tile.shape;
  int width = s.nv * s.lanes;
  AlignedFloats a(size_t(s.mr) * settings.blocks * s.lda + 64), b(size_t(s.k) * width * settings.panels),
      c(size_t(s.mr) * settings.blocks * width);
  std::vector<int64_t> rows(s.mr);
  for (int row = 0; row < s.mr; ++row) rows[row] = row * s.lda * 4;
  if (s.rows == Rows::strided) rows[0] = s.lda * 4;
  auto* function = tile.code.function<TileFunction>(name_of(s));
  int panel = 0;
  auto pass = [&] {
    for (int block = 0; block < settings.blocks; ++block)
      function(a.data + block * s.mr * s.lda, b.data + panel * s.k * width, c.data + block * s.mr * width, rows.data());
    panel = (panel + 1) % settings.panels;
  };
  pass();
  check(s, a.data, b.data, c.data);
  double flops = 2.0 * s.mr * width * double(s.k) * settings.blocks;
  int repeats = std::max(settings.panels, int(2e-4 * 1e11 / flops));
  double best = 0, best_peak = 0;
  for (int round = 0; round < settings.rounds; ++round) {
    best_peak = std::max(best_peak, 4 * peak.multiply_add_flops() / seconds_of([&] {
                                      for (int i = 0; i < 4; ++i) peak.multiply_add();
                                    }));
    best = std::max(best, repeats * flops / seconds_of([&] {
                            for (int i = 0; i < repeats; ++i) pass();
                          }));
  }
  return 100 * best / best_peak;
}

struct Tile {
  int mr, nv;
};

std::vector<Tile> tiles_of(int lanes) {
  if (lanes == 16) return {{14, 2}, {12, 2}, {13, 2}, {9, 3}, {8, 3}, {6, 4}, {5, 4}, {7, 2}, {28, 1}, {16, 1}};
  if (lanes == 8) return {{6, 2}, {4, 3}, {5, 2}, {3, 3}, {4, 2}, {12, 1}};
  return {{6, 2}, {4, 2}, {3, 3}};
}

struct Runner {
  Settings settings;
  Target target;
  int lanes;
  Probe peak;

  explicit Runner(const Settings& settings)
      : settings(settings), target(parse_target(settings.target)), lanes(target.lanes(4)), peak(target) {}

  void cell(const TileShape& shape) {
    Loaded tile = load(shape, target, settings);
    std::printf(" %5.1f%s |", measure(tile, peak, settings), tile.spills ? "s" : " ");
    std::fflush(stdout);
  }

  void report_peak() {
    double best = 0;
    for (int i = 0; i < 2000; ++i) best = std::max(best, peak.multiply_add_flops() / seconds_of([&] { peak.multiply_add(); }));
    std::printf("peak %.1f GFLOP/s, level %d, %s\n\n", best * 1e-9, settings.options.level, settings.target.c_str());
  }

  void sizes() {
    std::printf("| tile, unroll 4 | K=64 | 256 | 576 | 1024 | 2304 |\n| --- | --- | --- | --- | --- | --- |\n");
    for (auto [mr, nv] : tiles_of(lanes)) {
      std::printf("| %dx%d |", mr, nv * lanes);
      for (int64_t k : {64, 256, 576, 1024, 2304}) cell({mr, nv, 4, k, k + 16, Rows::constant, lanes});
      std::puts("");
    }
  }

  void unroll() {
    std::printf("| tile, K=256 | unroll 1 | 2 | 4 | 8 | instructions of the loop (unroll 4) | compile ms |\n| --- | --- | --- | --- | --- "
                "| --- | --- |\n");
    for (auto [mr, nv] : tiles_of(lanes)) {
      std::printf("| %dx%d |", mr, nv * lanes);
      for (int unroll : {1, 2, 4, 8}) cell({mr, nv, unroll, 256, 272, Rows::constant, lanes});
      Loaded tile = load({mr, nv, 4, 256, 272, Rows::constant, lanes}, target, settings);
      double ms = 1e9;
      for (int i = 0; i < 5; ++i) ms = std::min(ms, load(tile.shape, target, settings).compile_ms);
      std::printf(" %d for %d fma | %.1f |\n", tile.instructions, mr * nv * 4, ms);
    }
  }

  void strides() {
    std::printf("| tile, K=256, unroll 4 | lda 272 | 512 | 1024 | 1040 | 2048 | 2064 | 4096 |\n| --- | --- | --- | --- | --- | --- | --- | "
                "--- |\n");
    for (auto [mr, nv] : tiles_of(lanes)) {
      std::printf("| %dx%d |", mr, nv * lanes);
      for (int64_t lda : {272, 512, 1024, 1040, 2048, 2064, 4096}) cell({mr, nv, 4, 256, lda, Rows::constant, lanes});
      std::puts("");
    }
  }

  // Tiles of few rows or columns: the remainders.
  void small() {
    std::printf("| rows, K=256, unroll 4 | 1 vector | 2 | 3 | 4 |\n| --- | --- | --- | --- | --- |\n");
    for (int mr : {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14}) {
      std::printf("| %d |", mr);
      for (int nv : {1, 2, 3, 4}) {
        if (mr * nv + nv + 1 > target.vector_registers) std::printf(" – |");
        else cell({mr, nv, 4, 256, 272, Rows::constant, lanes});
      }
      std::puts("");
    }
  }

  // B from the third-level cache or memory: panels of 64 MB in turn, each used by about 56 rows, 112 rows, 224 rows.
  void cold() {
    std::printf("| tile, K=512, unroll 4 | B in L2, 56 rows | B cold, 56 rows | 112 rows | 224 rows |\n| --- | --- | --- | --- | --- |\n");
    for (auto [mr, nv] : tiles_of(lanes)) {
      std::printf("| %dx%d |", mr, nv * lanes);
      for (int rows : {0, 56, 112, 224}) {
        settings.blocks = std::max(1, ((rows ? rows : 56) + mr / 2) / mr);
        settings.panels = rows ? (64 << 20) / (512 * nv * lanes * 4) : 1;
        cell({mr, nv, 4, 512, 528, Rows::constant, lanes});
      }
      std::puts("");
    }
  }

  void rows() {
    std::printf("| tile, unroll 4 | constant K=64 | strided | table | constant K=576 | strided | table |\n| --- | --- | --- | --- | --- | "
                "--- | --- |\n");
    for (auto [mr, nv] : tiles_of(lanes)) {
      std::printf("| %dx%d |", mr, nv * lanes);
      for (int64_t k : {64, 576})
        for (Rows rows : {Rows::constant, Rows::strided, Rows::table}) cell({mr, nv, 4, k, k + 16, rows, lanes});
      std::puts("");
    }
  }
};

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    auto value = [&] { return i + 1 < argc ? argv[++i] : throw user_error("{} needs a value", word); };
    if (word == "--target") settings.target = value();
    else if (word == "--level") settings.options.level = std::atoi(value());
    else if (word == "--rounds") settings.rounds = std::atoi(value());
    else if (word == "--blocks") settings.blocks = std::atoi(value());
    else if (word == "--table") settings.table = value();
    else if (word == "--assembly") settings.assembly = true;
    else if (word == "--lsr") {
      initialize_llvm(); // which turns it off
      const char* arguments[] = {"bench", "-disable-lsr=false"};
      llvm::cl::ParseCommandLineOptions(2, arguments);
    } else throw user_error("unknown option {}", word);
  }
  return settings;
}

} // namespace

int main(int argc, char** argv) try {
  Runner runner(parse(argc, argv));
  runner.report_peak();
  const std::string& table = runner.settings.table;
  if (table == "sizes") runner.sizes();
  else if (table == "unroll") runner.unroll();
  else if (table == "strides") runner.strides();
  else if (table == "rows") runner.rows();
  else if (table == "small") runner.small();
  else if (table == "cold") runner.cold();
  else throw user_error("unknown table '{}'", table).hint("tables: sizes, unroll, strides, rows, small, cold");
} catch (const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return exit_code(error.kind());
}
