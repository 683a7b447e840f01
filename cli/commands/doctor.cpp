// SPDX-License-Identifier: Apache-2.0
// tensorwright doctor: what this machine offers, what the compiler uses of it, and what is missing.
#include "cli/model.h"
#include "compile/cache_folder.h"
#include "compile/calibrate.h"

#include <cstdlib>
#include <unistd.h>

namespace tw::cli {
namespace {

// Why compiled kernels cannot be kept in the folder; empty if they can.
std::string problem_with(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return error.message();
  return ::access(folder.c_str(), W_OK) == 0 ? "" : "it cannot be written to";
}

std::string found_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string folders = path ? path : "";
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string candidate = folders.substr(begin, end - begin) + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return "";
}

// Measures and writes, and shows what was measured.
void renew_calibration(Output& output) {
  const auto path = calibration_path();
  if (!path)
    throw user_error("there is no place for a calibration: TENSORWRIGHT_CALIBRATION is off, or there is no home folder")
        .hint("TENSORWRIGHT_CALIBRATION names a file");
  const Calibration out = [] {
    Progress progress("measuring this machine");
    return compile::calibrate();
  }();
  write_calibration(*path, out);
  Table table({"measured", "one core", "all cores"});
  const auto row = [&](const std::string& name, const char* unit, double one, double all) {
    table.row({name, fmt::format("{:.1f} {}", one, unit), all > 0 ? fmt::format("{:.1f} {}", all, unit) : ""});
  };
  row("clock", "GHz", out.gigahertz, 0);
  for (const auto& [bytes, peak] : out.peaks)
    row(fmt::format("multiply-adds, {} bits", bytes * 8), "GFLOP/s", peak.one_core, peak.all_cores);
  row("first level of cache", "GB/s", out.l1_gigabytes, 0);
  row("second level", "GB/s", out.l2_gigabytes, 0);
  row("last level", "GB/s", out.l3_gigabytes, 0);
  row("memory, read", "GB/s", out.read.one_core, out.read.all_cores);
  row("memory, copied (read and written)", "GB/s", out.copy.one_core, out.copy.all_cores);
  row("memory, copied past the caches", "GB/s", out.copy_past_caches.one_core, out.copy_past_caches.all_cores);
  row("barrier of all threads", "ns", out.barrier_ns, 0);
  row("waking all threads", "ns", out.wake_ns, 0);
  output.line(table.text() + "\n");
}

Json to_json(const Rate& rate) { return {{"one_core", rate.one_core}, {"all_cores", rate.all_cores}}; }

Json to_json(const Calibration& c) {
  Json peaks = Json::object();
  for (const auto& [bytes, peak] : c.peaks) peaks[std::to_string(bytes)] = to_json(peak);
  return {{"gigahertz", c.gigahertz},          {"peak_gflops_by_vector_bytes", peaks},
          {"l1_gigabytes", c.l1_gigabytes},    {"l2_gigabytes", c.l2_gigabytes},
          {"l3_gigabytes", c.l3_gigabytes},    {"read_gigabytes", to_json(c.read)},
          {"copy_gigabytes", to_json(c.copy)}, {"copy_past_caches_gigabytes", to_json(c.copy_past_caches)},
          {"barrier_ns", c.barrier_ns},        {"wake_ns", c.wake_ns}};
}

int run(bool renew, Output& output) {
  if (renew) renew_calibration(output);
  const Target target = native_target();
  Json problems = Json::array();
  const StoredCalibration stored = read_calibration();
  if (!stored.problem.empty()) problems.push_back(stored.problem);
  const auto calibration_file = calibration_path();
  const auto cache = compile::cache_folder();
  std::string cache_text = cache ? cache->string() : "off";
  if (cache)
    if (const std::string problem = problem_with(*cache); !problem.empty())
      problems.push_back(
          fmt::format("the cache folder {} cannot be used ({}): every compile starts anew; set TENSORWRIGHT_CACHE to another",
                      cache->string(), problem));
  for (const char* feature : {"avx2", "fma"})
    if (!target.has(feature)) problems.push_back(fmt::format("this processor has no {}: kernels use narrower vectors", feature));
  const char* chosen = std::getenv("TENSORWRIGHT_PYTHON");
  const std::string python = found_on_path(chosen && *chosen ? chosen : "python3");
  if (python.empty() && !(chosen && *chosen == '/' && ::access(chosen, X_OK) == 0))
    problems.push_back("no python3 was found: `compare --against onnxruntime` needs it");
  Json devices = Json::object();
  std::string device_text;
  for (int32_t i = 0; const char* name = tw_device_name(i); ++i) {
    devices[name] = tw_device_count(name);
    device_text += fmt::format("{}{} {}", i == 0 ? "" : ", ", tw_device_count(name), name);
  }
  output.result = {{"version", TENSORWRIGHT_VERSION},
                   {"runtime_version", tw_runtime_version()},
                   {"artifact_version", TW_ARTIFACT_VERSION},
                   {"machine", target.machine},
                   {"microarchitecture", target.microarchitecture},
                   {"features", target.features},
                   {"vector_bytes", target.vector_bytes},
                   {"cores", target.cores},
                   {"gigahertz", target.gigahertz},
                   {"cache_bytes", {target.l1_bytes, target.l2_bytes, target.l3_bytes}},
                   {"cache_folder", cache ? Json(cache->string()) : Json(nullptr)},
                   {"calibration_file", calibration_file ? Json(calibration_file->string()) : Json(nullptr)},
                   {"calibration", stored.calibration ? to_json(*stored.calibration) : Json(nullptr)},
                   {"devices", devices},
                   {"problems", problems}};
  Table table({"", ""});
  table.row({"tensorwright", TENSORWRIGHT_VERSION});
  table.row({"runtime", fmt::format("{}, modules of version {}", tw_runtime_version(), TW_ARTIFACT_VERSION)});
  table.row({"processor", fmt::format("{}: {} {}, {:.1f} GHz", processor_name(), target.machine,
                                      target.microarchitecture.empty() ? "(unknown core)" : target.microarchitecture, target.gigahertz)});
  table.row({"vectors", fmt::format("{} bits, {} registers, {} multiply-add units", target.vector_bytes * 8, target.vector_registers,
                                    target.fma_ports)});
  table.row({"threads", fmt::format("{} (physical cores that this process may use)", target.cores)});
  table.row({"caches", fmt::format("{}, {}, {}", bytes_text(static_cast<double>(target.l1_bytes)),
                                   bytes_text(static_cast<double>(target.l2_bytes)), bytes_text(static_cast<double>(target.l3_bytes)))});
  table.row({"features", join_features(target.features)});
  table.row({"devices", device_text});
  table.row({"kernel cache", cache_text});
  table.row({"calibration", stored.calibration  ? calibration_file->string()
                            : !calibration_file ? "off"
                                                : "none; `tensorwright doctor --calibrate` measures this machine"});
  output.line(table.text());
  for (const Json& problem : problems) output.line("problem: " + problem.get<std::string>());
  if (problems.empty()) output.line("nothing is missing");
  return exit_ok;
}

} // namespace

extern const Command doctor_command = {
    .name = "doctor", .summary = "what this machine offers and what is missing", .declare = [](CLI::App& app) -> Action {
      auto renew = std::make_shared<bool>(false);
      app.add_flag(
          "--calibrate", *renew,
          "measure this machine's peak, memory and threads in some seconds, and keep the figures for the cost model and for profile");
      return [=](Output& output) { return run(*renew, output); };
    }};

} // namespace tw::cli
