// SPDX-License-Identifier: Apache-2.0
#include "compile/weights.h"

#include "base/diagnostics.h"
#include "base/parallel_for.h"

#include <atomic>
#include <cstdlib>
#include <utility>

#include <sys/mman.h>

namespace tw::compile {

namespace {
constexpr int64_t alignment = 64, huge_page = int64_t{2} << 20, worth_a_thread = int64_t{4} << 20;
}

int64_t Weights::add(const Blob& blob) {
  uint64_t fingerprint = blob.fingerprint();
  auto [first, last] = by_fingerprint_.equal_range(fingerprint);
  for (auto known = first; known != last; ++known)
    if (parts_[known->second].second == blob) return parts_[known->second].first;
  by_fingerprint_.emplace(fingerprint, parts_.size());
  int64_t offset = bytes_;
  parts_.emplace_back(offset, blob);
  bytes_ = (bytes_ + static_cast<int64_t>(blob.size()) + alignment - 1) / alignment * alignment;
  return offset;
}

// The thread that does the last step of a blob settles it: what it was made from goes at once, not when all are done.
void Weights::copy_parts(int threads) {
  std::vector<std::function<void()>> steps;
  std::vector<size_t> part_of;
  std::vector<std::atomic<size_t>> left(parts_.size());
  for (size_t i = 0; i < parts_.size(); ++i) {
    size_t before = steps.size();
    parts_[i].second.copy_steps(block_.get() + parts_[i].first, steps);
    part_of.resize(steps.size(), i);
    left[i] = steps.size() - before;
  }
  parallel_for(steps.size(), std::min<int>(threads, static_cast<int>(bytes_ / worth_a_thread)), [&](size_t i) {
    std::exchange(steps[i], {})(); // the step goes too: it may hold what the blob was made from
    const auto& [offset, blob] = parts_[part_of[i]];
    if (--left[part_of[i]] == 0) blob.settle({block_.get() + offset, blob.size()}, block_);
  });
}

void Weights::lay_out(int threads) {
  int64_t size = (bytes_ + huge_page - 1) / huge_page * huge_page;
  if (size < 4 * huge_page) size = std::max<int64_t>((bytes_ + 4095) / 4096 * 4096, 4096);
  bool large = size % huge_page == 0 && size >= 4 * huge_page;
  block_.reset(static_cast<std::byte*>(std::aligned_alloc(static_cast<size_t>(large ? huge_page : 4096), static_cast<size_t>(size))),
               std::free);
  if (!block_) throw user_error("no memory for {} MiB of weights", size >> 20);
  if (large) ::madvise(block_.get(), static_cast<size_t>(size), MADV_HUGEPAGE);
  copy_parts(threads);
  parts_.clear(); // the block has them now; the model's own copies may go
  by_fingerprint_.clear();
}

std::vector<std::span<const std::byte>> Weights::pieces() const { return {{block_.get(), static_cast<size_t>(bytes_)}}; }

} // namespace tw::compile
