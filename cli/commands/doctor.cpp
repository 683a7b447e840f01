// SPDX-License-Identifier: Apache-2.0
// tensorwright doctor: what this machine offers, what the compiler uses of it, and what is missing.
#include "cli/model.h"
#include "compile/cache_folder.h"
#include "target/target.h"

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

int run(Output& output) {
  const Target target = native_target();
  Json problems = Json::array();
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
                   {"devices", devices},
                   {"problems", problems}};
  Table table({"", ""});
  table.row({"tensorwright", TENSORWRIGHT_VERSION});
  table.row({"runtime", fmt::format("{}, modules of version {}", tw_runtime_version(), TW_ARTIFACT_VERSION)});
  table.row({"processor", fmt::format("{} {}, {:.1f} GHz", target.machine,
                                      target.microarchitecture.empty() ? "(unknown core)" : target.microarchitecture, target.gigahertz)});
  table.row({"vectors", fmt::format("{} bits, {} registers, {} multiply-add units", target.vector_bytes * 8, target.vector_registers,
                                    target.fma_ports)});
  table.row({"threads", fmt::format("{} (physical cores that this process may use)", target.cores)});
  table.row({"caches", fmt::format("{}, {}, {}", bytes_text(static_cast<double>(target.l1_bytes)),
                                   bytes_text(static_cast<double>(target.l2_bytes)), bytes_text(static_cast<double>(target.l3_bytes)))});
  table.row({"features", join_features(target.features)});
  table.row({"devices", device_text});
  table.row({"kernel cache", cache_text});
  output.line(table.text());
  for (const Json& problem : problems) output.line("missing: " + problem.get<std::string>());
  if (problems.empty()) output.line("nothing is missing");
  return exit_ok;
}

} // namespace

extern const Command doctor_command = {
    .name = "doctor", .summary = "what this machine offers and what is missing", .declare = [](CLI::App&) -> Action { return run; }};

} // namespace tw::cli
