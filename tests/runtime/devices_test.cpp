// SPDX-License-Identifier: Apache-2.0
// What every device must fulfil. A new device is in the table by its folder, and so here.
#include "runtime/devices/device.h"
#include "tensorwright/module.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

// Under a sanitizer, too much memory is refused with null as it is without one.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "allocator_may_return_null=1:die_after_fork=0";
}

namespace tw::devices {
namespace {

class Conformance : public ::testing::TestWithParam<const Device*> {};

std::vector<unsigned char> sample(size_t size) {
  std::vector<unsigned char> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(i * 7 + i / 251);
  return bytes;
}

TEST(Devices, stand_in_the_table_sorted_by_name) {
  const auto devices = table();
  EXPECT_TRUE(std::is_sorted(devices.begin(), devices.end(), [](auto a, auto b) { return std::string(a->name) < b->name; }));
  EXPECT_TRUE(std::find(devices.begin(), devices.end(), &cpu) != devices.end());
}

TEST(Devices, are_told_in_c) {
  int32_t count = 0;
  for (; const char* name = tw_device_name(count); ++count) EXPECT_EQ(tw_device_count(name), table()[static_cast<size_t>(count)]->count());
  EXPECT_EQ(static_cast<size_t>(count), table().size());
  EXPECT_EQ(tw_device_name(-1), nullptr);
  EXPECT_EQ(tw_device_count("nothing"), 0);
  EXPECT_EQ(tw_device_count(nullptr), 0);
}

TEST_P(Conformance, memory_of_any_size_is_aligned) {
  const Device& device = *GetParam();
  for (int index = 0; index < device.count(); ++index)
    for (size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{100}, (size_t{4} << 20) - 1, size_t{4} << 20, (size_t{9} << 20) + 5}) {
      void* const memory = device.allocate(index, bytes);
      ASSERT_NE(memory, nullptr) << bytes;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u) << bytes;
      device.release(index, memory, bytes);
    }
}

TEST_P(Conformance, too_much_memory_is_refused_with_null) {
  const Device& device = *GetParam();
  for (int index = 0; index < device.count(); ++index)
    for (size_t bytes : {size_t{1} << 50, size_t{1} << 62, SIZE_MAX}) EXPECT_EQ(device.allocate(index, bytes), nullptr) << bytes;
}

TEST_P(Conformance, bytes_return_as_they_went) {
  const Device& device = *GetParam();
  for (int index = 0; index < device.count(); ++index)
    for (size_t bytes : {size_t{0}, size_t{1}, size_t{4097}, (size_t{5} << 20) + 3}) {
      const auto sent = sample(bytes);
      std::vector<unsigned char> received(bytes);
      void* const first = device.allocate(index, bytes);
      void* const second = device.allocate(index, bytes);
      ASSERT_TRUE(first != nullptr && second != nullptr);
      EXPECT_EQ(device.copy(index, first, sent.data(), bytes, Direction::to_device), 0);
      EXPECT_EQ(device.copy(index, second, first, bytes, Direction::within_device), 0);
      EXPECT_EQ(device.copy(index, received.data(), second, bytes, Direction::from_device), 0);
      EXPECT_EQ(device.synchronise(index), 0);
      EXPECT_EQ(received, sent);
      device.release(index, first, bytes);
      device.release(index, second, bytes);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Conformance, ::testing::ValuesIn(table().begin(), table().end()),
                         [](const auto& device) { return std::string(device.param->name); });

} // namespace
} // namespace tw::devices
