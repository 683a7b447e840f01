// SPDX-License-Identifier: Apache-2.0
#include "compile/weights.h"

#include "base/diagnostics.h"

#include <atomic>
#include <cstdlib>
#include <thread>

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

void Weights::lay_out(int threads) {
  int64_t size = (bytes_ + huge_page - 1) / huge_page * huge_page;
  if (size < 4 * huge_page) size = std::max<int64_t>((bytes_ + 4095) / 4096 * 4096, 4096);
  bool large = size % huge_page == 0 && size >= 4 * huge_page;
  block_.reset(static_cast<std::byte*>(std::aligned_alloc(static_cast<size_t>(large ? huge_page : 4096), static_cast<size_t>(size))),
               std::free);
  if (!block_) throw user_error("no memory for {} MiB of weights", size >> 20);
  if (large) ::madvise(block_.get(), static_cast<size_t>(size), MADV_HUGEPAGE);
  std::vector<std::function<void()>> steps;
  for (const auto& [offset, blob] : parts_) blob.copy_steps(block_.get() + offset, steps);
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < steps.size();) steps[i]();
  };
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < std::min<int>(threads, static_cast<int>(bytes_ / worth_a_thread)); ++i) helpers.emplace_back(work);
    work();
  }
  for (const auto& [offset, blob] : parts_) blob.settle({block_.get() + offset, blob.size()}, block_);
  parts_.clear(); // the block has them now; the model's own copies may go
  by_fingerprint_.clear();
}

std::vector<std::span<const std::byte>> Weights::pieces() const { return {{block_.get(), static_cast<size_t>(bytes_)}}; }

} // namespace tw::compile
