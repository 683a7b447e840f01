// SPDX-License-Identifier: Apache-2.0
#include "runtime/threads/processors.h"
#include "support.h"

#include <climits>
#include <fstream>
#include <sched.h>
#include <thread>

namespace tw::test {
namespace {

using runtime::AffinityMask;
using runtime::cgroup_quota;
using runtime::physical_cores;

// A tree of files that stands in for the system's.
class System : public Folder {
public:
  System& file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(*this / path).parent_path());
    std::ofstream(*this / path) << text;
    return *this;
  }
  std::string root() const { return *this / ""; }
};

const char* const mount2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
const char* const mount1 = "32 31 0:29 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory\n"
                           "33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";

TEST(Quota, is_unlimited_where_nothing_sets_it) {
  System none, set_to_max;
  EXPECT_EQ(cgroup_quota(none.root()), INT_MAX);
  set_to_max.file("proc/self/cgroup", "0::/a\n").file("proc/self/mountinfo", mount2).file("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_quota(set_to_max.root()), INT_MAX);
}

TEST(Quota, of_version_2_is_rounded_down_but_never_to_0) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, int>>{{"400000 100000", 4}, {"390000 100000", 3}, {"50000 100000", 1}}) {
    System system;
    system.file("proc/self/cgroup", "0::/a\n").file("proc/self/mountinfo", mount2).file("sys/fs/cgroup/a/cpu.max", text + "\n");
    EXPECT_EQ(cgroup_quota(system.root()), expected) << text;
  }
}

TEST(Quota, is_the_smallest_on_the_way_up) {
  System system;
  system.file("proc/self/cgroup", "0::/a/b/c\n").file("proc/self/mountinfo", mount2);
  system.file("sys/fs/cgroup/a/cpu.max", "200000 100000\n").file("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  EXPECT_EQ(cgroup_quota(system.root()), 2);
}

TEST(Quota, of_version_1_is_read_where_the_cpu_controller_is) {
  System system;
  system.file("proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/jobs/7\n0::/\n").file("proc/self/mountinfo", mount1);
  system.file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n").file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  system.file("sys/fs/cgroup/cpu/jobs/7/cpu.cfs_quota_us", "250000\n").file("sys/fs/cgroup/cpu/jobs/7/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_quota(system.root()), 2);
}

TEST(Quota, is_found_in_a_container_that_sees_only_its_own_part_of_the_tree) {
  System system;
  system.file("proc/self/cgroup", "0::/docker/abc/inner\n");
  system.file("proc/self/mountinfo", "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  system.file("sys/fs/cgroup/inner/cpu.max", "300000 100000\n").file("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_quota(system.root()), 3);
}

TEST(Quota, is_unlimited_where_the_files_make_no_sense) {
  for (const char* text : {"", "x y\n", "100000\n", "0 0\n", "-5 100000\n", "100000 0\n", "99999999999999999999999 1\n"}) {
    System system;
    system.file("proc/self/cgroup", "nonsense\n0::/a\n:::\n").file("proc/self/mountinfo", std::string("nonsense\n - \n") + mount2);
    system.file("sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(cgroup_quota(system.root()), INT_MAX) << text;
  }
}

TEST(Cores, count_siblings_once) {
  System system;
  const std::string cpu = "sys/devices/system/cpu/cpu", list = "/topology/thread_siblings_list";
  for (int i : {0, 2}) system.file(cpu + std::to_string(i) + list, "0,2\n");
  for (int i : {1, 3}) system.file(cpu + std::to_string(i) + list, "1,3\n");
  EXPECT_EQ(physical_cores({0, 1, 2, 3}, system.root()), 2);
  EXPECT_EQ(physical_cores({0, 2}, system.root()), 1);
  EXPECT_EQ(physical_cores({0, 1, 7}, system.root()), 3) << "one that the system says nothing about is a core";
  EXPECT_EQ(physical_cores({}, system.root()), 1);
}

TEST(Affinity, limits_the_threads_of_a_new_session) {
  std::thread([] {
    const AffinityMask whole = AffinityMask::of(0);
    ASSERT_FALSE(whole.processors().empty());
    ASSERT_TRUE(AffinityMask::only(whole.processors().back()).apply(0));
    Parts parts;
    Session session(parts);
    EXPECT_EQ(tw_session_threads(session.get()), 1);
  }).join();
}

TEST(Affinity, moving_away_leaves_the_mask_as_it_was) {
  std::thread([] {
    const AffinityMask whole = AffinityMask::of(0);
    const int here = ::sched_getcpu();
    if (whole.processors().size() < 2) GTEST_SKIP() << "only one processor";
    EXPECT_TRUE(runtime::move_away(0, here));
    EXPECT_EQ(AffinityMask::of(0).processors(), whole.processors());
    ASSERT_TRUE(AffinityMask::only(here).apply(0));
    EXPECT_FALSE(runtime::move_away(0, here)) << "there is no other";
    EXPECT_FALSE(runtime::move_away(0, 100000)) << "it is not there";
  }).join();
}

} // namespace
} // namespace tw::test
