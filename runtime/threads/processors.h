// SPDX-License-Identifier: Apache-2.0
// How many threads this process should use, and on which processors one thread may run.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tw::runtime {

// The set of processors that the system lets a thread use. No memory is allocated, so it may be used in the middle of a run.
class AffinityMask {
public:
  // Of the thread with this id; 0: the caller. Empty when the system does not tell.
  static AffinityMask of(pid_t thread) noexcept;
  static AffinityMask only(int processor) noexcept;
  AffinityMask without(int processor) const noexcept;
  bool contains(int processor) const noexcept;
  bool empty() const noexcept;
  bool operator==(const AffinityMask& other) const noexcept { return words_ == other.words_; }
  std::vector<int> processors() const; // rising
  // Makes it the mask of a thread; false when it is empty or the system refuses.
  bool apply(pid_t thread) const noexcept;

private:
  // More processors than any Linux has been built for so far: 16384.
  std::array<uint64_t, 256> words_{};
  size_t used_ = 0; // words; the others are 0
};

// The number of physical cores among the processors: those that the system lists as siblings in one core count once. `root` stands before
// all paths (tests).
int physical_cores(const std::vector<int>& processors, const std::string& root = "");

// Whole processors that the control groups (version 1 or 2, this group and all above it) grant this process, rounded down but at least 1;
// a very large number when there is no limit.
int cgroup_quota(const std::string& root = "");

// The smaller of the two for the calling thread.
int default_thread_count();

// The thread leaves `processor` at once if its mask has another one, and may come back later. False when it has no other.
bool move_away(pid_t thread, int processor) noexcept;

} // namespace tw::runtime
