// SPDX-License-Identifier: Apache-2.0
// Rearranged constants against the same steps done at once, element by element.
#include "ir/arrangement.h"

#include <gtest/gtest.h>

#include <numeric>

namespace tw {
namespace {

using Shape = std::vector<int64_t>;

std::vector<float> counting(int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}
Blob blob_of(const std::vector<float>& values) { return Blob::of(std::span<const float>(values)); }
std::vector<float> values_of(const Blob& blob) {
  auto values = blob.as<float>();
  return {values.begin(), values.end()};
}

int64_t size_of(const Shape& shape) { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

std::vector<float> permute_now(const std::vector<float>& x, const Shape& shape, const Shape& axes) {
  std::vector<float> out;
  for (int64_t i = 0; i < size_of(shape); ++i) {
    int64_t rest = i, at = 0;
    for (size_t d = axes.size(); d-- > 0;) {
      int64_t extent = shape[static_cast<size_t>(axes[d])], stride = 1;
      for (size_t e = static_cast<size_t>(axes[d]) + 1; e < shape.size(); ++e) stride *= shape[e];
      at += rest % extent * stride;
      rest /= extent;
    }
    out.push_back(x[static_cast<size_t>(at)]);
  }
  return out;
}

std::vector<float> panel_now(const std::vector<float>& x, int64_t rows, int64_t columns, int64_t width) {
  std::vector<float> out;
  for (int64_t begin = 0; begin < columns; begin += width)
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = begin; c < std::min(columns, begin + width); ++c) out.push_back(x[static_cast<size_t>(r * columns + c)]);
  return out;
}

// Expanded, sliced, diagonal corners cut off: each element is the one that is named, also of what was moved before.
TEST(Arrangement, ReadsWhatIsNamed) {
  auto x = counting(6 * 35);
  Blob plain = blob_of(x), turned = permuted(plain, f32, {6, 35}, {1, 0});
  for (const auto& [source, first, second] : {std::tuple{plain, 35, 1}, {turned, 1, 35}}) {
    Shape shape = first == 35 ? Shape{6, 35} : Shape{35, 6};
    // (2, a, 3, b): element (1 + 2 a, b) of (6, 35), or (1 + 2 b, a) of the other; the rest is repeated.
    std::vector<ReadAt> reads = {{.dimension = 1, .begin = 1, .step = 2}, {.dimension = 3}};
    std::vector<float> expected;
    for (int r = 0; r < 2; ++r)
      for (int a = 0; a < 2; ++a)
        for (int again = 0; again < 3; ++again)
          for (int b = 0; b < 6; ++b) expected.push_back(x[static_cast<size_t>((1 + 2 * a) * first + b * second)]);
    Blob got = indexed(source, f32, shape, reads, {2, 2, 3, 6});
    EXPECT_EQ(values_of(got), expected);
    // The same once more: what is repeated is cut as well.
    Blob again =
        indexed(got, f32, {2, 2, 3, 6}, {{.begin = 1}, {.begin = 1}, {.dimension = 0, .begin = 2}, {.dimension = 1, .step = 3}}, {1, 2});
    EXPECT_EQ(values_of(again), (std::vector<float>{expected[18], expected[21]}));
  }
  Blob filled = indexed(blob_of({7}), f32, {}, {}, {100, 3});
  EXPECT_EQ(values_of(filled), std::vector<float>(300, 7));
  EXPECT_EQ(values_of(paneled(filled, f32, {100, 3}, 1, 2)), std::vector<float>(300, 7));
}

// A part of a dimension that an earlier step has cut in two is found all the same.
TEST(Arrangement, CutsAcrossWalks) {
  auto x = counting(4 * 6);
  Blob joined = permuted(blob_of(x), f32, {2, 2, 6}, {1, 0, 2}); // read as (4, 6): rows 0, 2, 1, 3
  Blob cut = indexed(joined, f32, {4, 6}, {{.dimension = 0, .begin = 1}, {.dimension = 1, .begin = 2}}, {2, 4});
  EXPECT_EQ(values_of(cut), (std::vector<float>{15, 16, 17, 18, 9, 10, 11, 12}));
}

TEST(Arrangement, Permutes) {
  for (const auto& [shape, axes] : std::vector<std::pair<Shape, Shape>>{{{3, 5}, {1, 0}},
                                                                        {{40, 33}, {1, 0}},
                                                                        {{4, 3, 2, 5}, {2, 3, 1, 0}},
                                                                        {{1, 7, 1}, {2, 1, 0}},
                                                                        {{6}, {0}},
                                                                        {{64, 32, 3, 3}, {2, 3, 1, 0}}}) {
    auto x = counting(size_of(shape));
    EXPECT_EQ(values_of(permuted(blob_of(x), f32, shape, axes)), permute_now(x, shape, axes));
  }
}

TEST(Arrangement, PermutesElementsOfEverySize) {
  for (DType type : {u8, i16, f32, f64}) {
    std::vector<std::byte> bytes(static_cast<size_t>(12 * type.bytes()));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    Blob there = permuted(Blob(bytes), type, {3, 4}, {1, 0});
    EXPECT_NE(there.bytes()[static_cast<size_t>(type.bytes())], bytes[static_cast<size_t>(type.bytes())]);
    EXPECT_EQ(permuted(there, type, {4, 3}, {1, 0}), Blob(bytes));
  }
}

TEST(Arrangement, StepsInARowAreOneCopyFromTheFirstSource) {
  Shape shape{64, 32, 3, 3};
  auto x = counting(size_of(shape));
  std::vector<double> factors(64);
  std::iota(factors.begin(), factors.end(), 0.5);
  Blob source = blob_of(x), moved = permuted(scaled(source, f32, shape, 0, factors), f32, shape, {2, 3, 1, 0});
  Blob packed = paneled(moved, f32, {288, 64}, 1, 48); // (rows, columns): the first three dimensions as one
  ASSERT_TRUE(packed.arrangement());
  EXPECT_EQ(packed.arrangement()->source, source);
  EXPECT_FALSE(packed.arrangement()->source.arrangement());

  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(x[i] * factors[i / 288]);
  auto expected = panel_now(permute_now(x, shape, {2, 3, 1, 0}), 288, 64, 48);
  float one;
  packed.read(4 * 777, std::as_writable_bytes(std::span(&one, 1)));
  EXPECT_EQ(one, expected[777]); // without making the rest
  EXPECT_TRUE(packed.arrangement());
  EXPECT_EQ(values_of(packed), expected);
  EXPECT_FALSE(packed.arrangement());
}

TEST(Arrangement, WhatDoesNotComposeIsMadeFirst) {
  auto x = counting(6 * 35);
  Blob turned = permuted(blob_of(x), f32, {6, 35}, {1, 0}); // as (35, 6), then read as (14, 15): 35 falls within a row
  EXPECT_EQ(values_of(permuted(turned, f32, {14, 15}, {1, 0})), permute_now(permute_now(x, {6, 35}, {1, 0}), {14, 15}, {1, 0}));
  Blob panels = paneled(blob_of(x), f32, {6, 35}, 1, 16); // two parts
  EXPECT_EQ(values_of(permuted(panels, f32, {10, 21}, {1, 0})), permute_now(panel_now(x, 6, 35, 16), {10, 21}, {1, 0}));
  Blob twice = scaled(scaled(blob_of(x), f32, {6, 35}, 0, {1, 2, 3, 4, 5, 6}), f32, {6, 35}, 1, std::vector<double>(35, 3));
  EXPECT_EQ(values_of(twice)[36], 37 * 2 * 3);
}

TEST(Arrangement, EqualToWhatHasTheSameBytes) {
  auto x = counting(1000 * 70);
  Shape shape{1000, 70};
  Blob lazy = permuted(blob_of(x), f32, shape, {1, 0}), ready = blob_of(permute_now(x, shape, {1, 0}));
  EXPECT_EQ(lazy.fingerprint(), ready.fingerprint());
  EXPECT_EQ(lazy, ready);
  EXPECT_EQ(lazy.hash(), ready.hash());
  EXPECT_TRUE(lazy.arrangement()); // none of it has kept the bytes
  x[4321] += 1;
  EXPECT_FALSE(lazy == permuted(blob_of(x), f32, shape, {1, 0}));
}

TEST(Arrangement, CopiesInStepsAndSettles) {
  auto x = counting(1500 * 1100);
  Shape shape{1500, 1100};
  Blob lazy = permuted(blob_of(x), f32, shape, {1, 0});
  auto place = std::make_shared<std::vector<float>>(x.size());
  auto bytes = std::as_writable_bytes(std::span(*place));
  std::vector<std::function<void()>> steps;
  lazy.copy_steps(bytes.data(), steps);
  EXPECT_GT(steps.size(), 1u);
  for (const auto& step : steps) step();
  EXPECT_EQ(*place, permute_now(x, shape, {1, 0}));
  lazy.settle(bytes, place);
  EXPECT_EQ(lazy.bytes().data(), bytes.data());
}

TEST(Arrangement, PanelsWithoutSubnormals) {
  // Smallest normal numbers, zeros and what is no number stay; so do all when they are read one by one, and whatever scaled them before.
  constexpr float least = std::numeric_limits<float>::min(), infinite = std::numeric_limits<float>::infinity();
  std::vector<float> x = {1, least / 2, -least, -least / 4, 0, infinite, -1e-45f, -3};
  std::vector<float> expected = {1, 0, 0, infinite, -least, 0, 0, -3};
  Blob panels = paneled(blob_of(x), f32, {2, 4}, 1, 2, true), halved = scaled(blob_of(x), f32, {2, 4}, 0, {0.5, 1});
  for (size_t i = 0; i < expected.size(); ++i) {
    float one;
    panels.read(i * sizeof one, {reinterpret_cast<std::byte*>(&one), sizeof one});
    EXPECT_EQ(one, (std::vector<float>{1, 0, 0, infinite, -least, 0, 0, -3})[i]);
  }
  EXPECT_EQ(values_of(panels), expected);
  EXPECT_EQ(values_of(paneled(halved, f32, {2, 4}, 1, 4, true)), (std::vector<float>{0.5, 0, 0, 0, 0, infinite, 0, -3}));
}

TEST(Arrangement, EmptyOnes) {
  EXPECT_EQ(permuted(Blob(), f32, {0, 3}, {1, 0}).size(), 0u);
  EXPECT_EQ(paneled(Blob(), f32, {0, 3}, 1, 2).bytes().size(), 0u);
}

} // namespace
} // namespace tw
