// SPDX-License-Identifier: Apache-2.0
#include "runtime/checksum.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace tw::runtime {
namespace {

uint64_t checksum_of(const std::vector<unsigned char>& bytes) {
  Checksum checksum;
  checksum.update(bytes.data(), bytes.size());
  return checksum.value();
}

std::vector<unsigned char> sample(size_t size) {
  std::vector<unsigned char> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(i * 131 + i / 7);
  return bytes;
}

TEST(Checksum, does_not_depend_on_how_the_bytes_arrive) {
  const auto bytes = sample(300);
  for (size_t first = 0; first <= bytes.size(); ++first)
    for (size_t second : {size_t{0}, size_t{1}, size_t{31}, size_t{32}, size_t{33}}) {
      const size_t middle = std::min(first + second, bytes.size());
      Checksum checksum;
      checksum.update(bytes.data(), first);
      checksum.update(bytes.data() + first, middle - first);
      checksum.update(bytes.data() + middle, bytes.size() - middle);
      ASSERT_EQ(checksum.value(), checksum_of(bytes)) << first << " " << middle;
    }
}

TEST(Checksum, every_flipped_bit_gives_another_value) {
  auto bytes = sample(135);
  std::set<uint64_t> seen{checksum_of(bytes)};
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
    ASSERT_TRUE(seen.insert(checksum_of(bytes)).second) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
  }
}

TEST(Checksum, zeros_at_the_end_count) {
  std::set<uint64_t> seen;
  for (size_t size = 0; size < 200; ++size) ASSERT_TRUE(seen.insert(checksum_of(std::vector<unsigned char>(size, 0))).second) << size;
}

TEST(Checksum, exchanged_words_are_noticed) {
  auto bytes = sample(128);
  const uint64_t before = checksum_of(bytes);
  for (size_t other : {size_t{8}, size_t{32}, size_t{96}}) {
    auto exchanged = bytes;
    std::swap_ranges(exchanged.begin(), exchanged.begin() + 8, exchanged.begin() + static_cast<ptrdiff_t>(other));
    EXPECT_NE(checksum_of(exchanged), before) << other;
  }
}

// A file written by one version of the compiler is read by the same version of the runtime, on any machine.
TEST(Checksum, has_the_value_that_it_always_had) { EXPECT_EQ(checksum_of(sample(100)), 13155810095439865391u); }

} // namespace
} // namespace tw::runtime
