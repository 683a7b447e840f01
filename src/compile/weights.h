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
  // Copies everything into one block; data() is valid afterwards.
  void lay_out();
  const std::byte* data() const { return block_.get(); }
  // The same bytes in order, padding included, for writing to a file.
  std::vector<std::span<const std::byte>> pieces() const;

private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::map<Hash128, int64_t> offsets_;
  std::vector<std::pair<int64_t, Blob>> parts_;
  std::unique_ptr<std::byte, Free> block_;
  int64_t bytes_ = 0;
};

} // namespace tw::compile
