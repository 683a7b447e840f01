// SPDX-License-Identifier: Apache-2.0
#include "compile/run_compiled.h"

#include "ir/text.h"
#include "ops/op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace tw {
namespace {

using interpreter::Array;

Ref<Module> module_of(const std::string& body) {
  Scope scope;
  scope.result_types = [](const Operation& o) {
    std::vector<Ref<Type>> out;
    for (const auto& t : ops::infer_types(*as<OpCall>(&o))) out.push_back(t);
    return out;
  };
  return parse("# tensorwright 1\nfrom __future__ import annotations\nfrom tensorwright.text import *\n\n" + body, {}, scope);
}

Array random_array(std::mt19937& rng, std::vector<int64_t> shape) {
  std::normal_distribution<double> normal;
  int64_t count = 1;
  for (int64_t s : shape) count *= s;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& v : values) v = normal(rng);
  return Array::of(f32, std::move(shape), values);
}

// Compiled and interpreted results agree; with one and with two threads they are equal to the bit.
void expect_same(const std::string& text, const std::vector<std::vector<int64_t>>& shapes, double tolerance = 1e-4,
                 const std::vector<std::string>& disable = {}, const std::vector<double>& last = {}) {
  Ref<Module> module = module_of(text);
  std::mt19937 rng(1);
  std::vector<Array> inputs;
  for (const auto& s : shapes) inputs.push_back(random_array(rng, s));
  if (!last.empty()) inputs.back() = Array::of(f32, shapes.back(), last);
  compile::Options options;
  options.cache = false;
  options.driver.disable = {disable.begin(), disable.end()};
  compile::CompiledModule compiled = compile::compile(module, options);
  auto got = test::run_compiled(compiled, inputs, 1), twice = test::run_compiled(compiled, inputs, 2);
  auto expected = interpreter::interpret(module, "main", inputs);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].shape, expected[i].shape);
    auto a = got[i].numbers(), b = expected[i].numbers();
    double largest = 1e-30, error = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      largest = std::max(largest, std::abs(b[k]));
      error = std::max(error, std::abs(a[k] - b[k]));
    }
    EXPECT_LE(error / largest, tolerance) << "result " << i << "\n" << to_text(compiled.lowered());
    EXPECT_EQ(got[i].bytes, twice[i].bytes) << "one and two threads";
  }
}

TEST(Compile, ResultsPastTheCachesMayLieAnywhere) {
  // Stores past the caches must be aligned; a caller's memory need not be. Whole lines, and what is left over.
  Ref<Module> module = module_of(R"(
@kernel(scheduled=True, streamed=("y",))
def twice(x: In[(1003,), f32], y: Out[(1003,), f32]):
    for i in parallel(31):
        for j in vectorised(32):
            y[i * 32 + j] = x[i * 32 + j] + x[i * 32 + j]
    for i in range(11):
        y[i + 992] = x[i + 992] + x[i + 992]

@function(exported=True)
def main(x: Tensor[(1003,), f32]) -> Tensor[(1003,), f32]:
    y: Tensor[(1003,), f32] = twice(x)
    return y
)");
  std::mt19937 rng(1);
  Array x = random_array(rng, {1003});
  auto numbers = x.numbers();
  for (const char* target : {"native", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    if (!missing_on_host(parse_target(target)).empty()) continue;
    compile::Options options;
    options.cache = false;
    options.target = target;
    compile::CompiledModule compiled = compile::compile(module, options);
    alignas(64) std::byte memory[8192];
    for (int64_t offset : {0, 4, 32, 64}) {
      for (int threads : {1, 2}) {
        std::ranges::fill(memory, std::byte{0});
        auto results = test::run_compiled(compiled, {x}, threads, {memory + offset})[0].numbers();
        for (size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(results[i], 2 * numbers[i]) << target << " " << offset << " " << i;
        EXPECT_EQ(memory[static_cast<size_t>(offset) + 4 * 1003], std::byte{0});
      }
    }
  }
}

TEST(Compile, a_product_with_its_epilogue) {
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(37, 64), f32], w: Tensor[(64, 50), f32], b: Tensor[(50,), f32]) -> Tensor[(37, 50), f32]:
    y = matmul(x, w)
    z = add(y, b)
    r = relu(z)
    return r
)",
              {{37, 64}, {64, 50}, {50}});
}

TEST(Compile, elementwise_chains_of_awkward_sizes) {
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(3, 5, 7), f32], y: Tensor[(5, 1), f32]) -> Tensor[(3, 5, 7), f32]:
    a = add(x, y)
    b = exp(a)
    c = mul(b, x)
    return c
)",
              {{3, 5, 7}, {5, 1}});
}

TEST(Compile, floats_out_of_range_become_the_nearest_integer_in_vectors_too) {
  std::vector<double> values = {0.5,    -0.5,  127.9,  128,        -128.9,     255.5,         256,        32767,      32768,
                                -32769, 65535, 65536,  2147483520, 2147483648, -2147483648.0, 4294967040, 4294967296, 9e18,
                                1e19,   -1e19, 1.8e19, 2e19,       -1,         1e30,          -1e30};
  for (double special : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), std::nan("")})
    values.push_back(special);
  while (values.size() < 77) values.push_back(static_cast<double>(values.size()) * 1.75 - 60);
  for (const char* type : {"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"})
    for (const char* from : {"f32", "f64"})
      expect_same(fmt::format(R"(
@function(exported=True)
def main(x: Tensor[(77,), f32]) -> Tensor[(77,), {0}]:
    w = cast(x, to={1})
    y = cast(w, to={0})
    return y
)",
                              type, from),
                  {{77}}, 0, {}, values);
}

TEST(Compile, images_resized_rows_first) {
  for (const char* how : {"mode=\"linear\"", "mode=\"cubic\"", "mode=\"linear\", coordinates=\"align_corners\"", "mode=\"nearest\"",
                          "mode=\"cubic\", exclude_outside=True", "mode=\"linear\", coordinates=\"asymmetric\""})
    for (auto [height, width] : {std::pair{40, 75}, {13, 33}, {1, 1}, {23, 29}})
      expect_same(fmt::format(R"(
@function(n=Dim(1, 64), exported=True)
def main(x: Tensor[(2, n, 23, 29), f32]) -> Tensor[(2, n, {1}, {2}), f32]:
    y = resize(x, sizes=[2, n, {1}, {2}], {0})
    return y
)",
                              how, height, width),
                  {{2, 3, 23, 29}});
}

TEST(Compile, products_by_equations_and_of_columns_that_lie_apart) {
  struct Case {
    const char *equation, *left, *right, *result;
    std::vector<int64_t> left_shape, right_shape;
  };
  const Case cases[] = {
      {"ij,kj->ik", "(37, 20)", "(29, 20)", "(37, 29)", {37, 20}, {29, 20}},
      {"bihd,bjhd->bhij", "(2, 9, 3, 17)", "(2, 33, 3, 17)", "(2, 3, 9, 33)", {2, 9, 3, 17}, {2, 33, 3, 17}},
      {"abc,cde->adbe", "(2, 3, 5)", "(5, 7, 4)", "(2, 7, 3, 4)", {2, 3, 5}, {5, 7, 4}},
      {"bi,b->i", "(6, 40)", "(6,)", "(40,)", {6, 40}, {6}},
      {"xyk,yxk->yx", "(4, 5, 6)", "(5, 4, 6)", "(5, 4)", {4, 5, 6}, {5, 4, 6}},
  };
  for (const Case& c : cases)
    expect_same(fmt::format(R"(
@function(exported=True)
def main(x: Tensor[{1}, f32], y: Tensor[{2}, f32]) -> Tensor[{3}, f32]:
    z = einsum(x, y, equation="{0}")
    return z
)",
                            c.equation, c.left, c.right, c.result),
                {c.left_shape, c.right_shape});
}

TEST(Compile, softmax_over_an_axis_in_the_middle) {
  for (int n : {1, 3, 16, 100})
    expect_same(fmt::format(R"(
@function(exported=True)
def main(x: Tensor[(2, {0}, 5, 41), f32]) -> Tensor[(2, {0}, 5, 41), f32]:
    y = softmax(x, axis=1)
    return y
)",
                            n),
                {{2, n, 5, 41}});
}

TEST(Compile, softmax_over_the_last_axis) {
  for (int n : {1, 3, 16, 100, 128})
    expect_same(fmt::format(R"(
@function(exported=True)
def main(x: Tensor[(6, {0}), f32]) -> Tensor[(6, {0}), f32]:
    y = softmax(x, axis=-1)
    return y
)",
                            n),
                {{6, n}});
}

TEST(Compile, rows_of_unknown_length_do_not_share_memory_between_threads) {
  // What a row keeps has no constant size, so it is not on a thread's stack; each row still needs its own.
  expect_same(R"(
@function(n=Dim(1, 4096), m=Dim(1, 4096), exported=True)
def main(x: Tensor[(n, 8, m), f32], y: Tensor[(n, m, 40), f32]) -> Tensor[(n, 8, 40), f32]:
    a = softmax(x, axis=-1)
    b = matmul(a, y)
    c = lp_norm(b, axis=-1)
    return c
)",
              {{40, 8, 300}, {40, 300, 40}});
}

TEST(Compile, launches_are_described_for_given_sizes) {
  // A size that the run computes stays as it is: in the shape by its name, in the numbers as a typical one.
  Ref<Module> module = module_of(R"(
@function(n=Dim(1, 4096), m=Dim(1, 4096), exported=True)
def main(x: Tensor[(n, m), f32], k: Tensor[(1,), i64]):
    w: Tensor[(m, n), f32] = transpose(x, axes=(1, 0))
    y: Tensor[(n, n), f32] = matmul(x, w)
    r = Dim(0, 1000)
    read_sizes(k)
    e = expand(y, shape=sizes(r, n, n))
    z = reduce_sum(e, axes=(2,), keepdims=False)
    return y, z
)");
  compile::Options options;
  options.cache = false;
  compile::CompiledModule compiled = compile::compile(module, options);
  const tw_module_descriptor& d = compiled.descriptor();
  std::string shapes;
  for (int32_t i = 0; i < d.launch_count; ++i) shapes += std::string(d.launches[i].shape) + "; ";
  EXPECT_EQ(shapes, "{}x{} -> {}x{}; {}x{} -> rx{}; ");
  EXPECT_EQ(compiled.report().launches[1].shape, "nxn -> rxn");
  const auto count = static_cast<size_t>(d.launch_count);
  const auto described = [&](int64_t n, int64_t m) {
    std::vector<int64_t> symbols{n, m}, sizes(16, -1);
    std::vector<double> amounts(3 * count, -1);
    d.describe(symbols.data(), sizes.data(), amounts.data());
    return std::pair(sizes, amounts);
  };
  const auto [sizes, amounts] = described(6, 50);
  EXPECT_EQ((std::vector(sizes.begin(), sizes.begin() + 8)), (std::vector<int64_t>{6, 50, 6, 6, 6, 6, 6, -1}));
  EXPECT_EQ(amounts[0], 2 * 6 * 50 * 6);
  EXPECT_EQ(amounts[1], 4 * (2 * 6 * 50 + 6 * 6));
  EXPECT_GT(described(600, 50).second[2], 20 * amounts[2]);
  EXPECT_EQ((std::vector(amounts.begin() + 3, amounts.end())), (std::vector<double>{-1, -1, -1}));
}

TEST(Compile, the_predicted_time_follows_the_sizes) {
  Ref<Module> module = module_of(R"(
@function(n=Dim(1, 4096), exported=True)
def main(x: Tensor[(n, 512), f32], y: Tensor[(512, 512), f32]) -> Tensor[(n, 512), f32]:
    a = matmul(x, y)
    return a
)");
  compile::Options options;
  options.cache = false;
  compile::CompiledModule compiled = compile::compile(module, options);
  const auto predicted = [&](int64_t n) { return compiled.descriptor().predict(&n); };
  EXPECT_GT(predicted(1), 0);
  EXPECT_NEAR(predicted(2000) / predicted(1000), 2, 0.2);
  EXPECT_LT(predicted(10), predicted(1000) / 20);
}

TEST(Compile, products_of_any_number_of_rows_with_weights_that_do_and_do_not_stay_in_the_cache) {
  auto expect = [](int depth, int rows) {
    expect_same(fmt::format(R"(
@function(n=Dim(0, 4096), exported=True)
def main(x: Tensor[(n, {0}), f32], w: Tensor[({0}, 170), f32], b: Tensor[(170,), f32]) -> Tensor[(n, 170), f32]:
    y = matmul(x, w)
    z = add(y, b)
    return z
)",
                            depth),
                {{rows, depth}, {depth, 170}, {170}});
  };
  for (int rows : {0, 1, 3, 13, 40}) expect(48, rows);
  for (int rows : {5, 110}) expect(800, rows);
}

TEST(Compile, rows_that_are_a_multiple_of_a_tile_whatever_their_number) {
  for (int images : {0, 2})
    expect_same(R"(
@function(n=Dim(0, 4096), exported=True)
def main(x: Tensor[(n, 28, 28, 16), f32], k: Tensor[(1, 1, 16, 40), f32]) -> Tensor[(n, 28, 28, 40), f32]:
    y = convolution(x, k, channels_last=True)
    z = relu(y)
    return z
)",
                {{images, 28, 28, 16}, {1, 1, 16, 40}});
}

TEST(Compile, convolutions_over_maps_of_any_size) {
  for (auto [groups, channels] : {std::pair(12, 1), std::pair(1, 12)})
    for (auto [height, width] : {std::pair(1, 1), std::pair(3, 9), std::pair(6, 17)})
      expect_same(fmt::format(R"(
@function(n=Dim(1, 64), h=Dim(1, 4096), w=Dim(1, 4096), exported=True)
def main(x: Tensor[(n, h, w, 12), f32], k: Tensor[(5, 5, {0}, 12), f32]) -> Tensor[(n, h, w, 12), f32]:
    y = convolution(x, k, groups={1}, pads=(2, 2, 2, 2), channels_last=True)
    z = relu(y)
    return z
)",
                              channels, groups),
                  {{2, height, width, 12}, {5, 5, channels, 12}});
}

TEST(Compile, fewer_products_for_any_number_of_images) {
  // Large maps go through in strips, small ones in panels of output channels.
  for (int size : {40, 13})
    for (int images : {0, 2})
      expect_same(fmt::format(R"(
@function(n=Dim(0, 64), exported=True)
def main(x: Tensor[(n, {0}, {0}, 4), f32], u: Tensor[(6, 6, 4, 20), f32], b: Tensor[(20,), f32]) -> Tensor[(n, {0}, {0}, 20), f32]:
    y = winograd_convolution(x, u, b, tile=4, pads=(1, 1, 1, 1))
    z = relu(y)
    return z
)",
                              size),
                  {{images, size, size, 4}, {6, 6, 4, 20}, {20}});
}

TEST(Compile, parts_of_unknown_length_side_by_side) {
  // Where one part ends and the next begins is an expression: the map is cut there.
  for (auto [first, second] : {std::pair(0, 5), std::pair(3, 0), std::pair(40, 70)})
    expect_same(R"(
@function(a=Dim(0, 4096), b=Dim(0, 4096), exported=True)
def main(x: Tensor[(4, a), f32], y: Tensor[(4, b), f32]) -> Tensor[(4, a + b + 3), f32]:
    e = exp(x)
    c = concat(e, y, axis=1)
    p = pad(c, begin=(0, 1), end=(0, 2))
    return p
)",
                {{4, first}, {4, second}});
}

TEST(Compile, a_padded_convolution_over_an_unknown_length) {
  // The borders are copied in whole vectors, then one by one: that the first loop runs says nothing about the second.
  for (int length : {1, 5, 25, 64, 100})
    expect_same(R"(
@function(l=Dim(1, 4096), exported=True)
def main(x: Tensor[(2, 16, l), f32], w: Tensor[(5, 16, 5), f32]) -> Tensor[(2, 5, l), f32]:
    y = convolution(x, w, pads=(2, 2))
    return y
)",
                {{2, 16, length}, {5, 16, 5}}, 1e-4, {"assign_layout"});
}

TEST(Compile, a_convolution_with_channels_last) {
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(1, 9, 9, 16), f32], w: Tensor[(3, 3, 16, 40), f32], b: Tensor[(40,), f32]) -> Tensor[(1, 7, 7, 40), f32]:
    y = convolution(x, w, b, channels_last=True)
    r = relu(y)
    return r
)",
              {{1, 9, 9, 16}, {3, 3, 16, 40}, {40}});
}

TEST(Compile, a_convolution_as_the_model_gives_it) {
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(2, 4, 9, 9), f32], w: Tensor[(8, 4, 3, 3), f32]) -> Tensor[(2, 8, 5, 5), f32]:
    y = convolution(x, w, strides=(2, 2), pads=(1, 1, 1, 1))
    return y
)",
              {{2, 4, 9, 9}, {8, 4, 3, 3}});
}

// The error of a run, or nothing.
std::string error_of(const std::string& text, const std::vector<std::vector<int64_t>>& shapes, int threads) {
  std::mt19937 rng(1);
  std::vector<Array> inputs;
  for (const auto& s : shapes) inputs.push_back(random_array(rng, s));
  compile::Options options;
  options.cache = false;
  compile::CompiledModule compiled = compile::compile(module_of(text), options);
  try {
    test::run_compiled(compiled, inputs, threads);
  } catch (const Error& error) { return error.what(); }
  return "";
}

TEST(Compile, products_of_columns_that_are_no_whole_vectors) {
  // The last vector is masked: neither weights nor bias nor results are touched beyond their end.
  for (int columns : {17, 24, 40, 47})
    expect_same(fmt::format(R"(
@function(exported=True)
def main(x: Tensor[(19, 33), f32], w: Tensor[(33, {0}), f32], b: Tensor[({0},), f32], c: Tensor[(19, {0}), f32]) -> Tensor[(19, {0}), f32]:
    y = matmul(x, w)
    z = add(y, b)
    s = silu(z)
    r = mul(s, c)
    return r
)",
                            columns),
                {{19, 33}, {33, columns}, {columns}, {19, columns}});
}

TEST(Compile, epilogues_of_many_instructions) {
  // The vectors of a tile take turns, also where they share what one of them has computed: a row's own factor.
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(19, 33), f32], w: Tensor[(33, 48), f32], b: Tensor[(48,), f32], c: Tensor[(19, 1), f32]) -> Tensor[(19, 48), f32]:
    y = matmul(x, w)
    z = add(y, b)
    s = silu(z)
    f = tanh(c)
    g = mul(s, c)
    r = gelu(g)
    t = add(r, z)
    return t
)",
              {{19, 33}, {33, 48}, {48}, {19, 1}});
}

TEST(Compile, a_depthwise_convolution_of_channels_that_are_no_whole_vectors) {
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(1, 9, 11, 72), f32], w: Tensor[(3, 3, 1, 72), f32], b: Tensor[(72,), f32]) -> Tensor[(1, 9, 11, 72), f32]:
    y = convolution(x, w, b, pads=(1, 1, 1, 1), groups=72, channels_last=True)
    return y
)",
              {{1, 9, 11, 72}, {3, 3, 1, 72}, {72}});
}

TEST(Compile, concatenations_in_place) {
  // Later layers gather all earlier ones: the parts are written once. What the caller gives is copied; a part may be read alone too.
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(40, 32), f32], v: Tensor[(32, 24), f32], w: Tensor[(56, 32), f32]) -> (Tensor[(40, 88), f32], Tensor[(40, 24), f32], Tensor[(40, 88), f32]):
    a = matmul(x, v)
    c = concat(x, a, axis=1)
    r = relu(c)
    b = matmul(r, w)
    d = concat(x, a, b, axis=1)
    n = neg(d)
    e = exp(a)
    return n, e, d
)",
              {{40, 32}, {32, 24}, {56, 32}});
  // One inside the other, along the first axis.
  expect_same(R"(
@function(exported=True)
def main(x: Tensor[(40, 32), f32], v: Tensor[(32, 24), f32]) -> (Tensor[(120, 24), f32], Tensor[(80, 24), f32]):
    a = matmul(x, v)
    b = relu(a)
    p = concat(a, b, axis=0)
    q = exp(a)
    r = concat(p, q, axis=0)
    y = neg(r)
    z = exp(p)
    return y, z
)",
              {{40, 32}, {32, 24}});
}

TEST(Compile, concatenations_in_place_over_an_unknown_batch) {
  expect_same(R"(
@function(exported=True, n=Dim(1, 9))
def main(x: Tensor[(n, 5, 32), f32], v: Tensor[(32, 512), f32]) -> Tensor[(n, 5, 1024), f32]:
    a = matmul(x, v)
    b = exp(a)
    y = concat(a, b, axis=2)
    return y
)",
              {{3, 5, 32}, {32, 512}});
}

TEST(Compile, sizes_that_only_might_be_wrong_are_checked_in_each_run) {
  const char* window = R"(
@function(l=Dim(0), exported=True)
def main(x: Tensor[(1, 2, l), f32], w: Tensor[(3, 2, 100), f32]) -> Tensor[(1, 3, (l + 28) // 128), f32]:
    y = convolution(x, w, strides=(128,))
    return y
)";
  expect_same(window, {{1, 2, 5000}, {3, 2, 100}});
  expect_same(window, {{1, 2, 100}, {3, 2, 100}});
  const char* sum = R"(
@function(n=Dim(0), m=Dim(0), exported=True)
def main(x: Tensor[(n,), f32], y: Tensor[(m,), f32]) -> Tensor[(n,), f32]:
    y = add(x, y)
    return y
)";
  for (int threads : {1, 2}) {
    EXPECT_THAT(error_of(window, {{1, 2, 99}, {3, 2, 100}}, threads),
                testing::HasSubstr("a window of 100 must fit into a padded size of l"));
    EXPECT_THAT(error_of(sum, {{4}, {5000}}, threads), testing::HasSubstr("must be equal: n and m"));
    EXPECT_EQ(error_of(sum, {{4}, {4}}, threads), "");
  }
}

TEST(Compile, a_result_that_is_a_view_has_its_own_shape) {
  // Sizes that come after what the result is a view of, and sizes that only the run knows.
  expect_same(R"(
@function(n=Dim(0), exported=True)
def main(x: Tensor[(n, 6), f32], p: Tensor[(2,), f32]):
    y = mul(x, x)
    q = cast(p, to=i64)
    a = Dim(0)
    b = Dim(0)
    read_sizes(q)
    z = reshape(y, shape=(a, b, 3))
    return z
)",
              {{4, 6}, {2}}, 1e-4, {}, {2, 4});
}

} // namespace
} // namespace tw
