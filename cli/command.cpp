// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace tw::cli {

void Output::line(const std::string& text) const {
  if (!json) fmt::print("{}\n", text);
}

std::string Table::text() const {
  std::vector<size_t> widths;
  std::vector<bool> numbers(rows_[0].size(), rows_.size() > 1);
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
      if (&row != &rows_[0] && !row[i].empty() && row[i].find_first_not_of("0123456789.,-+e% ") != std::string::npos) numbers[i] = false;
    }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i != 0) line += "  ";
      line += numbers[i] ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

struct Progress::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread thread;
};

Progress::Progress(std::string what) : state_(std::make_shared<State>()) {
  state_->thread = std::thread([state = state_.get(), what = std::move(what)] {
    std::unique_lock lock(state->mutex);
    for (int seconds = 2; !state->changed.wait_for(lock, std::chrono::seconds(seconds == 2 ? 2 : 5), [&] { return state->done; });
         seconds += 5)
      fmt::print(stderr, "{} … {} s\n", what, seconds);
  });
}

Progress::~Progress() {
  {
    std::lock_guard lock(state_->mutex);
    state_->done = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.3f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3f} ms", seconds * 1e3);
  return fmt::format("{:.2f} us", seconds * 1e6);
}

std::string bytes_text(double bytes) {
  if (bytes >= 1 << 30) return fmt::format("{:.2f} GiB", bytes / (1 << 30));
  if (bytes >= 1 << 20) return fmt::format("{:.2f} MiB", bytes / (1 << 20));
  if (bytes >= 1 << 10) return fmt::format("{:.1f} KiB", bytes / (1 << 10));
  return fmt::format("{} bytes", static_cast<int64_t>(bytes));
}

CLI::Validator number_between(double least, double most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && value >= least && value <= most) return "";
        return fmt::format("expected a number from {} to {}, found '{}'", least, most, text);
      },
      "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  const std::string expected = fmt::format("{}", fmt::join(words, " or "));
  return CLI::Validator(
      [words = std::move(words), expected](std::string& text) -> std::string {
        if (std::find(words.begin(), words.end(), text) != words.end()) return "";
        return fmt::format("expected {}, found '{}'", expected, text);
      },
      expected);
}

} // namespace tw::cli
