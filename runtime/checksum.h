// SPDX-License-Identifier: Apache-2.0
// The checksum of module files: 64 bits, meant to catch damage (a cut download, a flipped bit), not malice.
//
// Four lanes each take every fourth 8-byte word: lane = rotate(lane ^ word * odd) * odd. That step can be undone when the word is known, so
// a change within one word always changes its lane. The word is multiplied before it goes in because a flipped highest bit passes through
// one multiplication as one flipped bit, which a flip in the lane's next word could cancel. The lanes do not wait for each other, so the
// processor works on all four at once. The end folds lanes, the bytes that fill no block, and the length into one number. Header-only: the
// compiler writes what the runtime checks.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tw::runtime {

class Checksum {
public:
  void update(const void* data, size_t size) {
    auto bytes = static_cast<const unsigned char*>(data);
    total_ += size;
    if (pending_size_ != 0) {
      size_t taken = size < block_size - pending_size_ ? size : block_size - pending_size_;
      std::memcpy(pending_.data() + pending_size_, bytes, taken);
      pending_size_ += taken;
      bytes += taken;
      size -= taken;
      if (pending_size_ < block_size) return;
      blocks(pending_.data(), 1);
      pending_size_ = 0;
    }
    blocks(bytes, size / block_size);
    pending_size_ = size % block_size;
    if (pending_size_ != 0) std::memcpy(pending_.data(), bytes + size - pending_size_, pending_size_);
  }

  uint64_t value() const {
    Checksum last = *this;
    if (pending_size_ != 0) {
      std::memset(last.pending_.data() + pending_size_, 0, block_size - pending_size_);
      last.blocks(last.pending_.data(), 1);
    }
    uint64_t result = total_ * multiplier_b;
    for (uint64_t lane : last.lanes_) result = std::rotl(result ^ avalanche(lane), 27) * multiplier_a + multiplier_b;
    return avalanche(result);
  }

private:
  static constexpr size_t block_size = 32;
  // Odd, about half of the bits set, no short period.
  static constexpr uint64_t multiplier_a = 0x9e6c63d0876a9a35, multiplier_b = 0xd1b54a32d192ed03;

  static uint64_t avalanche(uint64_t value) {
    value = (value ^ value >> 32) * multiplier_a;
    value = (value ^ value >> 29) * multiplier_b;
    return value ^ value >> 32;
  }

  void blocks(const unsigned char* bytes, size_t count) {
    auto lanes = lanes_;
    for (; count != 0; --count, bytes += block_size) {
      std::array<uint64_t, 4> words;
      std::memcpy(words.data(), bytes, block_size);
      for (size_t i = 0; i < 4; ++i) lanes[i] = std::rotl(lanes[i] ^ words[i] * multiplier_b, 29) * multiplier_a;
    }
    lanes_ = lanes;
  }

  std::array<uint64_t, 4> lanes_{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89};
  std::array<unsigned char, block_size> pending_{};
  size_t pending_size_ = 0;
  uint64_t total_ = 0;
};

} // namespace tw::runtime
