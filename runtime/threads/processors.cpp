// SPDX-License-Identifier: Apache-2.0
// Control groups: /proc/self/cgroup says in which group the process is, /proc/self/mountinfo where the tree of groups is visible and which
// group is its top there (in a container it is often not the real one). The limit is the smallest on the way up.
#include "runtime/threads/processors.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace tw::runtime {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<int64_t> number(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end == digits.data()) return std::nullopt;
  return value;
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool lists(const std::string& comma_separated, std::string_view word) {
  const auto parts = split(comma_separated, ',');
  return std::find(parts.begin(), parts.end(), word) != parts.end();
}

struct Mount {
  std::string point, top;
};

// Fields of a line: id parent device top point options … - type source super-options.
std::optional<Mount> find_mount(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(line.substr(0, dash), ' '), after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    if (version2 ? after[0] == "cgroup2" : after[0] == "cgroup" && lists(after[2], "cpu")) return Mount{before[4], before[3]};
  }
  return std::nullopt;
}

// Lines are "number:controllers:path"; version 2 has the number 0 and no controllers.
std::optional<std::string> find_group(const std::string& root, bool version2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? line.starts_with("0:") && controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Processors granted by one group's files, if it sets a limit.
std::optional<double> limit_of(const std::string& folder, bool version2) {
  std::optional<int64_t> quota, period;
  if (version2) {
    const auto parts = split(first_line(folder + "/cpu.max"), ' ');
    if (parts.size() == 2) quota = number(parts[0]), period = number(parts[1]);
  } else {
    quota = number(first_line(folder + "/cpu.cfs_quota_us"));
    period = number(first_line(folder + "/cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> limit_on_the_way_up(const std::string& root, bool version2) {
  const auto mount = find_mount(root, version2);
  const auto group = find_group(root, version2);
  if (!mount || !group) return std::nullopt;
  std::string below = *group;
  if (mount->top != "/" && below.starts_with(mount->top)) below.erase(0, mount->top.size());
  std::optional<double> smallest;
  for (;;) {
    if (const auto limit = limit_of(root + mount->point + below, version2)) smallest = std::min(smallest.value_or(*limit), *limit);
    const size_t slash = below.rfind('/');
    if (slash == std::string::npos) return smallest;
    below.erase(slash);
  }
}

} // namespace

// The system itself says how many bytes of a mask it uses; the C library's function does not pass that on.
AffinityMask AffinityMask::of(pid_t thread) noexcept {
  AffinityMask mask;
  const long bytes = ::syscall(SYS_sched_getaffinity, thread, sizeof mask.words_, mask.words_.data());
  if (bytes > 0) mask.used_ = static_cast<size_t>(bytes) / sizeof(uint64_t);
  return mask;
}

AffinityMask AffinityMask::only(int processor) noexcept {
  AffinityMask mask;
  const auto word = static_cast<size_t>(processor) / 64;
  if (word >= mask.words_.size()) return mask;
  mask.words_[word] = uint64_t{1} << processor % 64;
  mask.used_ = word + 1;
  return mask;
}

AffinityMask AffinityMask::without(int processor) const noexcept {
  AffinityMask mask = *this;
  if (contains(processor)) mask.words_[static_cast<size_t>(processor) / 64] &= ~(uint64_t{1} << processor % 64);
  return mask;
}

bool AffinityMask::contains(int processor) const noexcept {
  const auto word = static_cast<size_t>(processor) / 64;
  return word < used_ && (words_[word] >> processor % 64 & 1) != 0;
}

bool AffinityMask::empty() const noexcept {
  return std::all_of(words_.begin(), words_.begin() + static_cast<ptrdiff_t>(used_), [](uint64_t word) { return word == 0; });
}

std::vector<int> AffinityMask::processors() const {
  std::vector<int> result;
  for (int processor = 0; processor < static_cast<int>(used_) * 64; ++processor)
    if (contains(processor)) result.push_back(processor);
  return result;
}

bool AffinityMask::apply(pid_t thread) const noexcept {
  return !empty() && ::syscall(SYS_sched_setaffinity, thread, used_ * sizeof(uint64_t), words_.data()) == 0;
}

int physical_cores(const std::vector<int>& processors, const std::string& root) {
  std::set<std::string> cores;
  for (int processor : processors) {
    const std::string name = std::to_string(processor);
    const std::string siblings = first_line(root + "/sys/devices/system/cpu/cpu" + name + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? name : siblings);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

int cgroup_quota(const std::string& root) {
  double smallest = INT_MAX;
  for (bool version2 : {false, true})
    if (const auto limit = limit_on_the_way_up(root, version2)) smallest = std::min(smallest, *limit);
  return smallest >= INT_MAX ? INT_MAX : std::max(1, static_cast<int>(smallest));
}

int default_thread_count() { return std::min(physical_cores(AffinityMask::of(0).processors()), cgroup_quota()); }

bool move_away(pid_t thread, int processor) noexcept {
  const AffinityMask whole = AffinityMask::of(thread);
  if (!whole.contains(processor) || !whole.without(processor).apply(thread)) return false;
  whole.apply(thread);
  return true;
}

} // namespace tw::runtime
