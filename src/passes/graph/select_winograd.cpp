// SPDX-License-Identifier: Apache-2.0
// Convolutions with 3 × 3 taps and stride 1 become winograd_convolution where the cost formula says that fewer products win over more
// traffic, and where a trial with the real weights stays within the error allowed. Weights are transformed here, once.
//
// The trial: a few tiles of random inputs, through float32 as the kernel computes and through float64 directly; the largest difference,
// relative to the largest result, times a margin. `exact` leaves every convolution as it is.
#include "arith/winograd.h"
#include "base/pages.h"
#include "base/parallel_for.h"
#include "ir/arrangement.h"
#include "ir/visit.h"
#include "passes/operands.h"
#include "passes/pass.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <unordered_set>

namespace tw::passes {
namespace {

using arith::Matrix;
constexpr int64_t taps = 3;
constexpr double most_error = 2e-5, margin = 2; // of one layer, relative to its largest result

struct Convolution {
  int64_t batch, height, width, channels, outputs; // of the result; a batch that only the run knows counts as 1
  const Constant* weights;                         // (3, 3, C, O)
};

std::optional<Convolution> match(const OpCall& call, const Ref<Value>& result) {
  if (call.op != "convolution" || !attribute<bool>(call, "channels_last") || attribute<int64_t>(call, "groups") != 1) return {};
  const Constant* weights = constant_of(call.args[1]);
  Shape sizes = shape_of_operand(result);
  if (!weights || sizes.size() != 4 || weights->type->element != f32) return {};
  auto out = static_shape(Shape(sizes.begin() + 1, sizes.end()));
  if (!out) return {};
  auto w = static_shape(weights->type->shape);
  for (const char* name : {"strides", "dilations"})
    for (int64_t x : attribute<List<int64_t>>(call, name))
      if (x != 1) return {};
  if (!w || (*w)[0] != taps || (*w)[1] != taps) return {};
  return Convolution{as_int(sizes[0]).value_or(1), (*out)[0], (*out)[1], (*w)[2], (*w)[3], weights};
}

// Seconds on one core, by the roofline: products at the rate of full tiles, transforms and weights at the rate of the cache or memory that
// holds them.
double direct_seconds(const Target& t, const Convolution& c) {
  double peak = t.lanes(4) * 2.0 * t.fma_ports * t.gigahertz * 1e9;
  double products = 2.0 * static_cast<double>(c.batch * c.height * c.width) * taps * taps * static_cast<double>(c.channels * c.outputs);
  double weights = taps * taps * static_cast<double>(c.channels * c.outputs) * 4;
  return std::max(products / (0.85 * peak), weights / (t.cost.memory_gigabytes * 1e9));
}
double winograd_seconds(const Target& t, const Convolution& c, int64_t m) {
  double peak = t.lanes(4) * 2.0 * t.fma_ports * t.gigahertz * 1e9, clock = t.gigahertz * 1e9;
  double alpha = static_cast<double>(m + taps - 1), places = alpha * alpha;
  double tiles = static_cast<double>(c.batch * ((c.height + m - 1) / m) * ((c.width + m - 1) / m));
  double channels = static_cast<double>(c.channels), outputs = static_cast<double>(c.outputs);
  // Few rows leave each panel of weights little to do, few channels make short reductions.
  double efficiency = 0.95 * channels / (channels + 4) * tiles / (tiles + 5);
  double products = 2 * places * tiles * channels * outputs / (peak * efficiency);
  double weights = places * channels * outputs * 4 / (t.cost.memory_gigabytes * 1e9);
  // For each place and vector of channels: about eight operations, loads and stores among them, that wait for the second-level cache.
  double transforms = 8 * places * tiles * (channels + outputs) / t.lanes(4) / clock;
  // Weights that few rows use arrive late, however early they are asked for.
  return std::max(products, weights) + std::min(products, weights) / 2 + transforms;
}

// Transformed weights are larger: 16 / 9 times for tiles of 2, 4 times for tiles of 4. Memory is spent where a byte saves the most time, up
// to this part of the module's constants; in a small model to so many bytes, which are nothing beside what any process needs.
constexpr double most_growth = 0.3, small_growth = 2 << 20;

// What a convolution saves, and costs in memory, when it moves on to tiles of m × m.
struct Step {
  const Node* result; // which convolution: the value that it gives
  int64_t m;
  double saved_seconds, more_bytes;
};

// The steps to larger tiles that save time, each against the one before it; none saves less for its bytes than the next.
std::vector<Step> steps_of(const Target& target, const Node* result, const Convolution& c) {
  std::vector<Step> out;
  if (c.channels < 16 || c.outputs < 16) return out;
  double seconds = direct_seconds(target, c), bytes = 0, pairs = static_cast<double>(c.channels * c.outputs) * 4;
  for (int64_t m : {2, 4}) {
    auto places = static_cast<double>((m + taps - 1) * (m + taps - 1));
    Step step{result, m, seconds - winograd_seconds(target, c, m), (places - taps * taps) * pairs - bytes};
    if (step.saved_seconds < 0.1 * seconds) continue;
    seconds -= step.saved_seconds;
    bytes += step.more_bytes;
    if (!out.empty() && step.saved_seconds * out.back().more_bytes > out.back().saved_seconds * step.more_bytes) {
      step.saved_seconds += out.back().saved_seconds;
      step.more_bytes += out.back().more_bytes;
      out.pop_back();
    }
    out.push_back(step);
  }
  return out;
}

// m for each convolution that is not computed directly, by the value that it gives. Greedy: the step, from the direct sum to a form or from
// a form to a larger one, that saves most time for each byte comes first.
std::map<const Node*, int64_t> select_tiles(const Ref<Module>& module, const Target& target) {
  std::vector<Step> steps;
  double constants = 0;
  std::unordered_set<const Node*> counted;
  visit(
      module.node(),
      [&](const Constant& c) {
        if (counted.insert(&c).second) constants += static_cast<double>(c.data.size());
      },
      [&](const Binding& binding, Walk walk) {
        const auto* call = as<OpCall>(binding.operation);
        bool gives = call && !binding.values.empty(); // checks give nothing
        if (auto c = gives ? match(*call, binding.values[0]) : std::nullopt)
          for (const Step& step : steps_of(target, binding.values[0].node(), *c)) steps.push_back(step);
        walk(static_cast<const Node*>(&binding));
      });
  std::ranges::stable_sort(steps, std::greater(), [](const Step& step) { return step.saved_seconds / step.more_bytes; });
  std::map<const Node*, int64_t> out;
  double left = std::max(most_growth * constants, small_growth);
  for (const Step& step : steps) {
    if (step.more_bytes > left) continue;
    left -= step.more_bytes;
    out.insert_or_assign(step.result, step.m);
  }
  return out;
}

// Makes the bytes now, on several threads, if they are only written down so far.
void make_bytes(const Blob& data, int threads) {
  if (!data.arrangement()) return;
  auto memory = allocate_pages(data.size());
  std::vector<std::function<void()>> steps;
  data.copy_steps(memory.get(), steps);
  parallel_for(steps.size(), threads, [&](size_t i) { steps[i](); });
  data.settle({memory.get(), data.size()}, memory);
}

// (G g) Gᵀ for every pair of channels: (3, 3, C, O) → (α, α, C, O). Blocks of pairs, so that what lies between the two products stays in
// the first-level cache; loops over a block have a constant length, which compilers turn into vectors.
class WeightTransform {
public:
  WeightTransform(const Convolution& c, const Matrix& g, int threads)
      : g_(g), alpha_(g.size()), pairs_(static_cast<size_t>(c.channels * c.outputs)), threads_(pairs_ > worth_a_thread ? threads : 1) {
    make_bytes(c.weights->data, threads_);
    w_ = c.weights->data.as<float>();
    memory_ = allocate_pages(alpha_ * alpha_ * pairs_ * sizeof(float));
  }

  Blob run() {
    parallel_for((pairs_ + block - 1) / block, threads_, [&](size_t i) { transform(block * i, std::min(block, pairs_ - block * i)); });
    return Blob({memory_.get(), alpha_ * alpha_ * pairs_ * sizeof(float)}, memory_);
  }

private:
  static constexpr size_t block = 128, worth_a_thread = size_t{1} << 14;
  using Row = std::array<double, block>;

  // The sum of x times factors. Nothing is added for a factor of 0: x may be infinite.
  static void combine(Row& to, const std::vector<double>& factors, const Row* x) {
    if (factors[0] != 0 && factors[1] != 0 && factors[2] != 0) {
      for (size_t p = 0; p < block; ++p) to[p] = 0.0 + factors[0] * x[0][p] + factors[1] * x[1][p] + factors[2] * x[2][p];
      return;
    }
    to = {};
    for (size_t k = 0; k < taps; ++k)
      if (factors[k] != 0)
        for (size_t p = 0; p < block; ++p) to[p] += factors[k] * x[k][p];
  }
  void transform(size_t begin, size_t count) {
    Row taps_of[taps][taps] = {}, half[taps], sum; // taps_of: by column, then row
    for (size_t a = 0; a < taps; ++a)
      for (size_t b = 0; b < taps; ++b) {
        std::array<float, block> x = {};
        std::copy_n(w_.begin() + static_cast<int64_t>((a * taps + b) * pairs_ + begin), count, x.begin());
        for (size_t p = 0; p < block; ++p) taps_of[b][a][p] = x[p];
      }
    for (size_t i = 0; i < alpha_; ++i) {
      for (size_t b = 0; b < taps; ++b) combine(half[b], g_[i], taps_of[b]);
      for (size_t j = 0; j < alpha_; ++j) {
        combine(sum, g_[j], half);
        std::array<float, block> narrow;
        for (size_t p = 0; p < block; ++p) narrow[p] = static_cast<float>(sum[p]);
        std::memcpy(memory_.get() + ((i * alpha_ + j) * pairs_ + begin) * sizeof(float), narrow.data(), count * sizeof(float));
      }
    }
  }

  const Matrix& g_;
  size_t alpha_, pairs_;
  int threads_;
  std::span<const float> w_;
  std::shared_ptr<std::byte> memory_;
};

template <class T> std::vector<T> both_sides(const Matrix& matrix, const std::vector<T>& x) {
  size_t n = matrix[0].size(), m = matrix.size();
  std::vector<T> middle(m * n, 0), out(m * m, 0);
  for (size_t i = 0; i < m; ++i)
    for (size_t k = 0; k < n; ++k)
      for (size_t j = 0; j < n; ++j) middle[i * n + j] += static_cast<T>(matrix[i][k]) * x[k * n + j];
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < m; ++j)
      for (size_t k = 0; k < n; ++k) out[i * m + j] += middle[i * n + k] * static_cast<T>(matrix[j][k]);
  return out;
}

// A tile of random inputs, as it is and transformed: (channel, place).
struct Trial {
  std::vector<float> x, v;
};

// As the processor's instruction, but for the last bit of few results; the library's function is slow where a machine has none.
float multiply_add(float a, float b, float c) { return static_cast<float>(static_cast<double>(a) * b + c); }

// The largest difference of a tile's results from the direct sum in float64, over a few output channels, relative to the largest result.
double trial_error(const Convolution& c, int64_t m, std::span<const float> u) {
  const auto& matrices = arith::winograd_matrices(m);
  size_t alpha = static_cast<size_t>(m + taps - 1), channels = static_cast<size_t>(c.channels), outputs = static_cast<size_t>(c.outputs);
  size_t side = static_cast<size_t>(m), places = alpha * alpha;
  auto w = c.weights->data.as<float>();
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::array<Trial, 2> trials;
  for (Trial& trial : trials) {
    trial.x.resize(channels * places);
    for (float& value : trial.x) value = std::max(0.0f, normal(random));
    for (auto from = trial.x.begin(); from != trial.x.end(); from += static_cast<int64_t>(places))
      for (float value : both_sides(matrices.input, std::vector<float>(from, from + static_cast<int64_t>(places))))
        trial.v.push_back(value);
  }
  double worst = 0, largest = 0;
  std::vector<float> here(channels * places);
  std::vector<double> direct(channels * taps * taps);
  for (size_t o = 0; o < outputs; o += std::max<size_t>(1, outputs / 8)) {
    // The channel's weights side by side: in the constants they lie a line apart.
    for (size_t p = 0; p < places; ++p)
      for (size_t k = 0; k < channels; ++k) here[k * places + p] = u[(p * channels + k) * outputs + o];
    for (size_t t = 0; t < taps * taps; ++t)
      for (size_t k = 0; k < channels; ++k) direct[k * taps * taps + t] = static_cast<double>(w[(t * channels + k) * outputs + o]);
    for (const Trial& trial : trials) {
      std::vector<float> products(places, 0);
      for (size_t k = 0; k < channels; ++k)
        for (size_t p = 0; p < places; ++p) products[p] = multiply_add(trial.v[k * places + p], here[k * places + p], products[p]);
      std::vector<float> y = both_sides(matrices.output, products);
      for (size_t i = 0; i < side; ++i)
        for (size_t j = 0; j < side; ++j) {
          double sum = 0;
          for (size_t k = 0; k < channels; ++k)
            for (size_t a = 0; a < taps; ++a)
              for (size_t b = 0; b < taps; ++b)
                sum += static_cast<double>(trial.x[k * places + (i + a) * alpha + j + b]) * direct[(k * taps + a) * taps + b];
          double difference = std::abs(sum - static_cast<double>(y[i * side + j]));
          worst = std::isfinite(difference) ? std::max(worst, difference) : INFINITY;
          largest = std::max(largest, std::abs(sum));
        }
    }
  }
  return largest > 0 ? worst / largest : worst;
}

} // namespace

Ref<Module> select_winograd(const Ref<Module>& module, PassContext& context) {
  if (context.options.exact) return module;
  std::map<std::pair<const Node*, int64_t>, Ref<Constant>> made;
  const auto tiles = select_tiles(module, context.target);
  if (tiles.empty()) return module;
  return rewrite_calls(module, [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
    auto tile = tiles.find(graph.binding().values[0].node());
    auto c = tile == tiles.end() ? std::nullopt : match(call, graph.binding().values[0]);
    if (!c) return {};
    int64_t m = tile->second;
    auto found = made.find({c->weights, m});
    if (found == made.end()) {
      int64_t alpha = m + taps - 1;
      Blob u = WeightTransform(*c, arith::winograd_matrices(m).weights, context.threads).run();
      if (double error = margin * trial_error(*c, m, u.as<float>()); !(error <= most_error)) {
        context.remark(graph.binding().values[0]->id.str(),
                       fmt::format("Winograd with tiles of {} would have an error of {:.1e}: the sum is computed directly", m, error));
        return {};
      }
      Ref<Constant> weights =
          make(Constant{.type = tensor_type(shape_of({alpha, alpha, c->channels, c->outputs}), f32), .data = u, .id = c->weights->id});
      found = made.emplace(std::pair(static_cast<const Node*>(c->weights), m), weights).first;
    }
    std::vector<Opt<Operand>> args = call.args.vector();
    args[1] = found->second;
    auto results = graph.call_all("winograd_convolution", std::move(args),
                                  attributes("winograd_convolution", {{"tile", m}, {"pads", attribute_value(call, "pads")}}));
    return Operands(results.begin(), results.end());
  });
}

extern const Pass select_winograd_pass;
const Pass select_winograd_pass = {.name = "select_winograd",
                                   .doc = "computes convolutions with 3 × 3 taps from fewer products where that is faster",
                                   .graph = select_winograd};

} // namespace tw::passes
