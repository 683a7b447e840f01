// SPDX-License-Identifier: Apache-2.0
#include "compile/weights.h"

#include "base/diagnostics.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace tw::compile {

namespace {
constexpr int64_t alignment = 64, huge_page = int64_t{2} << 20;
}

int64_t Weights::add(const Blob& blob) {
  auto [found, fresh] = offsets_.try_emplace(blob.hash(), bytes_);
  if (fresh) {
    parts_.emplace_back(bytes_, blob);
    bytes_ = (bytes_ + static_cast<int64_t>(blob.size()) + alignment - 1) / alignment * alignment;
  }
  return found->second;
}

void Weights::lay_out() {
  int64_t size = (bytes_ + huge_page - 1) / huge_page * huge_page;
  if (size < 4 * huge_page) size = std::max<int64_t>((bytes_ + 4095) / 4096 * 4096, 4096);
  bool large = size % huge_page == 0 && size >= 4 * huge_page;
  block_.reset(static_cast<std::byte*>(std::aligned_alloc(static_cast<size_t>(large ? huge_page : 4096), static_cast<size_t>(size))));
  if (!block_) throw user_error("no memory for {} MiB of weights", size >> 20);
  if (large) ::madvise(block_.get(), static_cast<size_t>(size), MADV_HUGEPAGE);
  for (const auto& [offset, blob] : parts_) {
    auto bytes = blob.bytes();
    if (!bytes.empty()) std::memcpy(block_.get() + offset, bytes.data(), bytes.size());
  }
  parts_.clear(); // the block has them now; the model's own copies may go
}

std::vector<std::span<const std::byte>> Weights::pieces() const { return {{block_.get(), static_cast<size_t>(bytes_)}}; }

} // namespace tw::compile
