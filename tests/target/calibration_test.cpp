// SPDX-License-Identifier: Apache-2.0
// What was measured of this machine: the file, what is wrong with one, what it changes.
#include "target/calibration.h"

#include "base/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include <unistd.h>

namespace tw {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Calibration example() {
  Calibration c;
  c.gigahertz = 3.5;
  c.peaks = {{16, {28, 56}}, {32, {112, 224}}, {64, {223, 420}}};
  c.l1_gigabytes = 400, c.l2_gigabytes = 150, c.l3_gigabytes = 30;
  c.read = {20, 35}, c.copy = {15, 25}, c.copy_past_caches = {18, 30};
  c.barrier_ns = 250, c.wake_ns = 9000;
  return c;
}

class CalibrationFile : public testing::Test {
protected:
  void SetUp() override {
    path = fs::path(testing::TempDir()) / fmt::format("calibration_{}", ::getpid()) / "file.txt";
    setenv("TENSORWRIGHT_CALIBRATION", path.c_str(), 1);
  }
  void TearDown() override {
    fs::remove_all(path.parent_path());
    setenv("TENSORWRIGHT_CALIBRATION", "off", 1);
  }
  void write(const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  fs::path path;
};

TEST_F(CalibrationFile, IsReadBackAsItWasWritten) {
  // All figures come back; a width that this machine has not is left out.
  Calibration without = example();
  without.peaks.erase(64);
  write_calibration(path, without);
  StoredCalibration stored = read_calibration();
  ASSERT_TRUE(stored.calibration) << stored.problem;
  EXPECT_EQ(format_calibration(*stored.calibration), format_calibration(without));
  EXPECT_EQ(stored.calibration->peaks.size(), 2u);
  EXPECT_EQ(stored.calibration->read.all_cores, 35);
}

TEST_F(CalibrationFile, IsNotMissedWhenItIsNotThere) {
  // Without a file there is neither a calibration nor a problem, and the target has its usual constants.
  StoredCalibration stored = read_calibration();
  EXPECT_FALSE(stored.calibration);
  EXPECT_EQ(stored.problem, "");
  EXPECT_EQ(native_target().cost.memory_gigabytes, CostConstants{}.memory_gigabytes);
}

TEST_F(CalibrationFile, ChangesTheNativeTargetAndNoOther) {
  // The native target is what was measured; code for a named level must come out the same everywhere.
  Target generic = parse_target("x86-64-v3");
  write_calibration(path, example());
  EXPECT_EQ(native_target().cost.memory_gigabytes, 20);
  EXPECT_TRUE(native_target().calibrated);
  EXPECT_EQ(parse_target("x86-64-v3").cost.memory_gigabytes, generic.cost.memory_gigabytes);
  EXPECT_EQ(parse_target("x86-64-v3").gigahertz, generic.gigahertz);
}

TEST_F(CalibrationFile, IsIgnoredWithAReasonWhenItIsDamaged) {
  // Each kind of damage is named, together with the file and the way to a new one.
  const std::string good = format_calibration(example());
  for (const auto& [text, wanted] :
       std::map<std::string, std::string>{{"", "expected 'tensorwright calibration 1' as its first line"},
                                          {"tensorwright calibration 2\n", "expected 'tensorwright calibration 1' as its first line"},
                                          {"tensorwright calibration 1\ngigahertz 3.5\n", "it has no line 'peak_gflops_16_bytes_one_core'"},
                                          {good + "nonsense\n", "expected a name and a positive number, found 'nonsense'"},
                                          {good + "wake_ns -3\n", "found 'wake_ns -3'"},
                                          {good + "wake_ns inf\n", "found 'wake_ns inf'"},
                                          {good + "wake_ns 3x\n", "found 'wake_ns 3x'"},
                                          {good.substr(0, good.rfind("wake_ns")), "it has no line 'wake_ns'"}}) {
    write(text);
    StoredCalibration stored = read_calibration();
    EXPECT_FALSE(stored.calibration) << text;
    EXPECT_THAT(stored.problem, HasSubstr(wanted));
    EXPECT_THAT(stored.problem, HasSubstr("the calibration " + path.string() + " is ignored: "));
    EXPECT_THAT(stored.problem, HasSubstr("doctor --calibrate"));
    EXPECT_EQ(native_target().calibration_problem, stored.problem);
    EXPECT_FALSE(native_target().calibrated);
    EXPECT_EQ(native_target().cost.memory_gigabytes, CostConstants{}.memory_gigabytes);
  }
}

TEST_F(CalibrationFile, ThatCannotBeWrittenIsTheUsersMistake) {
  write("");
  try {
    write_calibration(path / "below", example());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), HasSubstr("cannot write the calibration"));
    EXPECT_THAT(error.what(), HasSubstr("TENSORWRIGHT_CALIBRATION names another file"));
  }
}

TEST(Calibration, GivesEachWidthItsOwnPeak) {
  // The clock times the units of a width is the peak that was measured for it, whatever the processor's name promises.
  for (auto [name, peak, units] :
       {std::tuple("x86-64-v4", 223.0, 2), std::tuple("x86-64-v3", 112.0, 2), std::tuple("x86-64-v2", 28.0, 1)}) {
    Target target = parse_target(name);
    target.cores = 2;
    apply_calibration(target, example());
    EXPECT_EQ(target.fma_ports, units) << name;
    EXPECT_NEAR(2 * target.lanes(4) * target.fma_ports * target.gigahertz, peak, 1e-9) << name;
    EXPECT_NEAR(target.cost.l2_bytes_per_cycle * target.gigahertz, 150, 1e-9) << name;
  }
}

TEST(Calibration, KnowsWhatAllCoresLose) {
  // 420 of twice 223: each core is slower while both work.
  Target target = parse_target("x86-64-v4");
  target.cores = 2;
  apply_calibration(target, example());
  EXPECT_NEAR(target.cost.all_cores_pace, 420.0 / 446, 1e-9);
}

TEST(Calibration, StandsInTheUsersCacheFolderByProcessorAndCores) {
  // One file for each kind of machine that shares a home folder; "off" means none.
  unsetenv("TENSORWRIGHT_CALIBRATION");
  const char* old = std::getenv("XDG_CACHE_HOME");
  const std::string before = old ? old : "";
  setenv("XDG_CACHE_HOME", "/var/cache/someone", 1);
  const std::string path = calibration_path()->string();
  before.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", before.c_str(), 1);
  setenv("TENSORWRIGHT_CALIBRATION", "off", 1);
  EXPECT_THAT(path, testing::MatchesRegex("/var/cache/someone/tensorwright/calibration-[a-z0-9-]+-[0-9]+-cores.txt"));
  EXPECT_FALSE(calibration_path());
}

} // namespace
} // namespace tw
