// SPDX-License-Identifier: Apache-2.0
// The constants of a module side by side, as the machine code addresses them: equal contents once, each at a multiple of 64 bytes.
#pragma once

#include "ir/blob.h"

#include <map>
#include <memory>

namespace tw::compile {

class Weights {
public:
  // The offset of these bytes; equal bytes share one.
  int64_t add(const Blob& blob);
  int64_t bytes() const { return bytes_; }
  // Copies everything into one block, on that many threads; data() is valid afterwards. What the blobs were made from may go then.
  void lay_out(int threads);
  const std::byte* data() const { return block_.get(); }
  // The same bytes in order, padding included, for writing to a file.
  std::vector<std::span<const std::byte>> pieces() const;

private:
  void copy_parts(int threads);

  std::multimap<uint64_t, size_t> by_fingerprint_; // to parts_
  std::vector<std::pair<int64_t, Blob>> parts_;
  std::shared_ptr<std::byte> block_;
  int64_t bytes_ = 0;
};

} // namespace tw::compile
