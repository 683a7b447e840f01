// SPDX-License-Identifier: Apache-2.0
// How many threads this process should use, and on which processors one thread may run.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace tw::runtime {

// The set of processors that the system lets a thread use.
class AffinityMask {
public:
  // Of the thread with this id; 0: the caller. Empty when the system does not tell.
  static AffinityMask of(pid_t thread);
  const std::vector<int>& processors() const { return processors_; }
  AffinityMask without(int processor) const;
  static AffinityMask only(int processor);
  // Makes it the mask of a thread; false when the system refuses.
  bool apply(pid_t thread) const;

private:
  std::vector<int> processors_; // rising
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
