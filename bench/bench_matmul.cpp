// SPDX-License-Identifier: Apache-2.0
// A matrix product through the whole compiler, in per cent of what multiply-adds in registers alone reach on the same threads, measured in
// the same rounds.
//
//   bench_matmul [--size N] [--threads N] [--rounds N] [--target T]
//
// Once with both matrices as inputs, once with the second as weights, which are stored in panels. Figures are best of the rounds, for the
// product and for the peak alike: a loaded machine lowers both.
#include "codegen/llvm/jit.h"
#include "compile/compile.h"
#include "ir/text.h"
#include "register_tile.h"

#include "base/diagnostics.h"
#include "ops/op.h"

#include <llvm/IR/LLVMContext.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

using namespace tw;

namespace {

struct Settings {
  int64_t size = 1024;
  int threads = 1, rounds = 30;
  std::string target = "native";
};

double seconds_of(auto&& body) {
  auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Multiply-adds in registers on several threads at once.
class Peak {
public:
  Peak(const Target& target, int threads) : lanes_(target.lanes(4)), threads_(threads), code_(object(target, lanes_)) {}

  // Of one round of about a millisecond.
  double flops_per_second() {
    auto* function = code_.function<void(float*)>("peak");
    constexpr int repeats = 200;
    std::atomic<int> waiting = threads_;
    std::vector<double> seconds(static_cast<size_t>(threads_));
    auto work = [&](int index) {
      alignas(64) float out[1024];
      --waiting;
      while (waiting > 0) {}
      seconds[static_cast<size_t>(index)] = seconds_of([&] {
        for (int i = 0; i < repeats; ++i) function(out);
      });
    };
    {
      std::vector<std::jthread> helpers;
      for (int i = 1; i < threads_; ++i) helpers.emplace_back(work, i);
      work(0);
    }
    double sum = 0;
    for (double s : seconds) sum += 2.0 * 4096 * accumulators * lanes_ * repeats / s;
    return sum;
  }

private:
  static constexpr int accumulators = 12;
  static std::vector<codegen::ObjectBytes> object(const Target& target, int lanes) {
    llvm::LLVMContext context;
    auto module = bench::build_peak(context, lanes, accumulators);
    std::vector<codegen::ObjectBytes> objects;
    objects.push_back(codegen::ModuleCompiler(target).object(*module));
    return objects;
  }

  int lanes_, threads_;
  codegen::JitCode code_;
};

std::vector<float> numbers(int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(i * 7 % 13) * 0.25f - 1.5f;
  return out;
}

void check(tw_status status) {
  if (status != TW_OK) throw internal_error("{}", tw_last_error());
}

// The product as a compiled module and a session.
class Product {
public:
  Product(const Settings& settings, bool weights)
      : n_(settings.size), a_(numbers(n_ * n_)), b_(numbers(n_ * n_)), shape_{n_, n_}, constant_(Blob::of(std::span<const float>(b_))) {
    std::string matrix = fmt::format("Tensor[({0}, {0}), f32]", n_), head = "# tensorwright 1\nfrom __future__ import annotations\n";
    if (weights) head += fmt::format("b = constant(f32, ({0}, {0}), hash=\"{1}\")\n", n_, constant_.hash().hex());
    std::string text = fmt::format("{0}@function(exported=True)\ndef main(a: {1}{2}) -> {1}:\n    c: {1} = matmul(a, b)\n    return c\n",
                                   head, matrix, weights ? "" : ", b: " + matrix);
    compile::Options options;
    options.target = settings.target;
    options.threads = settings.threads;
    compile::CompiledModule compiled = compile::compile(parse(text, Source{.file = "matmul"}), options);
    module_ = compiled.runtime_module();
    tw_options session_options{};
    session_options.threads = settings.threads;
    check(tw_session_create(module_, &session_options, &session_));
    inputs_.push_back(tensor(a_));
    if (!weights) inputs_.push_back(tensor(b_));
    run();
    verify();
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  ~Product() {
    tw_session_destroy(session_);
    tw_module_release(module_);
  }

  void run() {
    output_ = {};
    check(tw_session_run(session_, inputs_.data(), static_cast<int32_t>(inputs_.size()), &output_, 1));
  }
  double flops() const { return 2.0 * static_cast<double>(n_) * static_cast<double>(n_) * static_cast<double>(n_); }

private:
  tw_tensor tensor(std::vector<float>& values) {
    tw_tensor out{};
    out.data = values.data();
    out.dtype = {2, 32, 1}; // float
    out.device_type = 1;    // the processor
    out.ndim = 2;
    out.shape = shape_;
    return out;
  }
  // So that a fast wrong product does not count.
  void verify() const {
    const auto* c = static_cast<const float*>(output_.data);
    for (int64_t i = 0; i < n_; i += 37)
      for (int64_t j = i % 11; j < n_; j += 53) {
        double sum = 0;
        for (int64_t k = 0; k < n_; ++k) sum += double(a_[static_cast<size_t>(i * n_ + k)]) * b_[static_cast<size_t>(k * n_ + j)];
        if (std::abs(sum - c[i * n_ + j]) > 1e-3 * (1 + std::abs(sum))) throw internal_error("wrong result at {}, {}", i, j);
      }
  }

  int64_t n_;
  std::vector<float> a_, b_;
  int64_t shape_[2];
  Blob constant_;
  tw_module* module_ = nullptr;
  tw_session* session_ = nullptr;
  std::vector<tw_tensor> inputs_;
  tw_tensor output_{};
};

Settings parse_arguments(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    auto value = [&] { return i + 1 < argc ? argv[++i] : throw user_error("{} needs a value", word); };
    if (word == "--size") settings.size = std::atoi(value());
    else if (word == "--threads") settings.threads = std::atoi(value());
    else if (word == "--rounds") settings.rounds = std::atoi(value());
    else if (word == "--target") settings.target = value();
    else throw user_error("unknown option {}", word);
  }
  return settings;
}

} // namespace

int main(int argc, char** argv) try {
  Settings settings = parse_arguments(argc, argv);
  Peak peak(parse_target(settings.target), settings.threads);
  for (bool weights : {false, true}) {
    Product product(settings, weights);
    double best_peak = 0, best = 0;
    for (int round = 0; round < settings.rounds; ++round) {
      best_peak = std::max(best_peak, peak.flops_per_second());
      best = std::max(best, product.flops() / seconds_of([&] { product.run(); }));
    }
    std::printf("%lld^3 float32, %d threads, second matrix %-8s %7.1f GFLOP/s of %7.1f: %5.1f %% of the peak\n",
                static_cast<long long>(settings.size), settings.threads, weights ? "constant" : "an input", best * 1e-9, best_peak * 1e-9,
                100 * best / best_peak);
  }
} catch (const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return exit_code(error.kind());
}
