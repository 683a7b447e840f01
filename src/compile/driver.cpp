// SPDX-License-Identifier: Apache-2.0
#include "compile/driver.h"

#include "passes/pass.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tw::compile {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row.back();
}

// Every pass that exists counts as known, in this pipeline or not: the same options serve several pipelines.
void check_name(const std::string& name, const Pipeline& pipeline, const char* option) {
  std::string nearest;
  size_t best = name.size() / 2 + 1;
  auto consider = [&](const passes::Pass* pass) {
    size_t distance = edit_distance(name, pass->name);
    if (distance < best) {
      best = distance;
      nearest = pass->name;
    }
    return distance == 0;
  };
  for (const auto* pass : pipeline)
    if (consider(pass)) return;
  for (const auto* pass : passes::table())
    if (consider(pass)) return;
  Error error = user_error("{}: there is no pass '{}'", option, name);
  throw nearest.empty() ? std::move(error) : std::move(error).hint(fmt::format("did you mean '{}'?", nearest));
}

void write_dump(const std::filesystem::path& folder, size_t number, const char* name, const Ref<Module>& module) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  std::filesystem::path path = folder / fmt::format("{:02}_{}.txt", number, name);
  std::ofstream file(path);
  file << to_text(module);
  file.close();
  if (!file) throw user_error("cannot write '{}'", path.string()).hint("choose another folder for dumps");
}

} // namespace

Ref<Module> run_pipeline(const Pipeline& pipeline, const Ref<Module>& module, passes::PassContext& context, const DriverOptions& options,
                         std::vector<PassTiming>& timings) {
  for (const auto& name : options.disable) check_name(name, pipeline, "disable");
  for (const auto& name : options.print_after)
    if (name != "all") check_name(name, pipeline, "print-after");
  if (!options.stop_after.empty()) check_name(options.stop_after, pipeline, "stop-after");

  Ref<Module> current = module;
  size_t number = 0;
  const char* wanted = std::getenv("TENSORWRIGHT_VERIFY");
  bool checking = options.verify || (wanted && *wanted && std::string_view(wanted) != "0");
  Stage stage = Stage::any;
  if (checking) with_place("the module given", [&] { verify(current, stage); });
  if (!options.dump_folder.empty()) write_dump(options.dump_folder, number, "input", current);
  for (const auto* pass : pipeline) {
    std::string name = pass->name;
    ++number;
    if (!options.disable.count(name)) {
      auto start = std::chrono::steady_clock::now();
      Ref<Module> next = with_place("pass " + name, [&] { return passes::run(*pass, current, context); });
      double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      bool changed = !next.same_as(current);
      if (pass->leaves != Stage::any) stage = pass->leaves;
      if (checking && changed) with_place("after pass " + name, [&] { verify(next, stage); });
      timings.push_back({.name = name, .seconds = seconds, .changed = changed});
      current = next;
      if (changed && !options.dump_folder.empty()) write_dump(options.dump_folder, number, pass->name, current);
    }
    if (options.print && (options.print_after.count("all") || options.print_after.count(name))) options.print(name, current);
    if (options.stop_after == name) break;
  }
  return current;
}

} // namespace tw::compile
