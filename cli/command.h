// SPDX-License-Identifier: Apache-2.0
// What a subcommand is: one constant in commands/<name>.cpp, found by CMake. It declares its options on a CLI::App and gives the function
// that runs when it was chosen; the function prints its result through Output, which is text for people or JSON for programs.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tw::cli {

using Json = nlohmann::ordered_json;

// Exit codes beyond those of errors (base/diagnostics.h: 1, 2, 3).
inline constexpr int exit_ok = 0, exit_differs = 4;

// The result of a command. With --json, standard output gets one object and nothing else:
//   {"tensorwright": version, "command": name, "ok": true, "result": {…}}
//   {"tensorwright": version, "command": name, "ok": false, "error": {"kind", "message", "places", "hint"}}
class Output {
public:
  bool json = false;
  Json result = Json::object();

  // For people; nothing with --json.
  void line(const std::string& text = "") const;
};

// A table with aligned columns; numbers to the right.
class Table {
public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

private:
  std::vector<std::vector<std::string>> rows_;
};

using Action = std::function<int(Output&)>;
struct Command {
  const char* name;
  const char* summary;
  Action (*declare)(CLI::App& app);
};

std::span<const Command* const> table();

// Tells on standard error what takes long, once it has taken two seconds.
class Progress {
public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;

private:
  struct State;
  std::shared_ptr<State> state_;
};

// Checks of options, with the reader's words: CLI11's own tell the whole range of a type.
CLI::Validator number_between(double least, double most);
CLI::Validator one_of(std::vector<std::string> words);

// "1.234 ms", "56.7 us", "2.34 s"; "12.3 MiB".
std::string time_text(double seconds);
std::string bytes_text(double bytes);

} // namespace tw::cli
