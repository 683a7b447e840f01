// SPDX-License-Identifier: Apache-2.0
// Errors for the reader: whose fault it is, what happened, where, what was expected, what to do.
//
// Three kinds, because the reader's next step differs: a user's mistake (change the input), something unsupported (use another way),
// a bug of ours (report it). Style of a message: lower case, no final full stop, says what was expected and what was found.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace tw {

enum class ErrorKind { user, unsupported, internal };

// Exit codes of the command line are derived from the kind: 1, 2, 3.
int exit_code(ErrorKind kind);

class Error : public std::exception {
public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  // Adds a place, innermost first: "node 'Conv_0' (Conv)", "pass fuse", "model.onnx".
  Error&& at(std::string place) &&;
  Error& at(std::string place) &;
  // Adds what the reader can do about it.
  Error&& hint(std::string text) &&;

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::vector<std::string>& places() const { return places_; }
  const std::string& hint_text() const { return hint_; }
  // The whole text: message, places, hint; for internal errors also the request to report it.
  const char* what() const noexcept override;

private:
  ErrorKind kind_;
  std::string message_;
  std::vector<std::string> places_;
  std::string hint_;
  mutable std::string text_;
};

template <class... Args> Error user_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::user, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args> Error unsupported(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::unsupported, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args> Error internal_error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(ErrorKind::internal, fmt::format(format, std::forward<Args>(args)...));
}

// States an invariant of our own code; a violation is our bug.
#define TW_CHECK(condition, ...)                                                                                                           \
  do {                                                                                                                                     \
    if (!(condition))                                                                                                                      \
      throw ::tw::internal_error("check failed: " #condition __VA_OPT__(": {}", fmt::format(__VA_ARGS__)))                                 \
          .at(fmt::format("{}:{}", __FILE__, __LINE__));                                                                                   \
  } while (false)

// Runs `body`; an error that leaves it gains the place. Other exceptions become internal errors.
template <class F> decltype(auto) with_place(const std::string& place, F&& body) {
  try {
    return body();
  } catch (Error& error) {
    error.at(place);
    throw;
  }
}

// Remarks that are no errors (fall-backs, assumptions); collected in order, shown by `explain` and reports.
struct Remark {
  std::string subject, text;
};

} // namespace tw
