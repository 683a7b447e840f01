// SPDX-License-Identifier: Apache-2.0
// What this machine was measured to do, in place of constants that hold for a typical one: `tensorwright doctor --calibrate` writes it, the
// cost model and the roofs of `profile` use it. The file is one of the user's cache folder, one for each kind of processor and number of
// cores, text that may be read, edited and deleted; TENSORWRIGHT_CALIBRATION names another ("off": none).
#pragma once

#include "target/target.h"

#include <filesystem>
#include <map>
#include <optional>

namespace tw {

struct Rate {
  double one_core = 0, all_cores = 0;
};

struct Calibration {
  double gigahertz = 0;                                        // of a scalar loop
  std::map<int, Rate> peaks;                                   // float32 multiply-adds in registers, by the bytes of a vector; GFLOP/s
  double l1_gigabytes = 0, l2_gigabytes = 0, l3_gigabytes = 0; // a second, read by one core
  Rate read;                                                   // from memory; GB/s
  Rate copy, copy_past_caches;                                 // in memory, read and written bytes together: with ordinary stores, which
                                                               // read each line first, and with those that go past the caches
  double barrier_ns = 0, wake_ns = 0;
};

// Where this machine's stands; nothing when that is switched off or there is no folder.
std::optional<std::filesystem::path> calibration_path();

// Neither is set when there is no file.
struct StoredCalibration {
  std::optional<Calibration> calibration;
  std::string problem; // why the file is ignored, in words for the user
};
StoredCalibration read_calibration();
StoredCalibration parse_calibration(std::string_view text, const std::string& name);
std::string format_calibration(const Calibration& calibration);
// A user error if it cannot be written. Written aside and renamed.
void write_calibration(const std::filesystem::path& path, const Calibration& calibration);

// Replaces the constants that were measured.
void apply_calibration(Target& target, const Calibration& calibration);

} // namespace tw
