// SPDX-License-Identifier: Apache-2.0
// How the runtime fails: inside, a Failure is thrown; at the C boundary `guarded` turns it into a status and the thread's error text.
// No exception ever leaves the library.
#pragma once

#include "tensorwright/module.h"

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tw::runtime {

class Failure : public std::runtime_error {
public:
  Failure(tw_status status, const std::string& message) : std::runtime_error(message), status(status) {}
  tw_status status;
};

namespace detail {
inline void append(std::string& to, std::string_view part) { to += part; }
template <std::integral Integer> void append(std::string& to, Integer part) { to += std::to_string(part); }
} // namespace detail

// text("found ", 3, " inputs"): parts put together, without iostreams.
template <class... Parts> std::string text(const Parts&... parts) {
  std::string result;
  (detail::append(result, parts), ...);
  return result;
}

// The system's words for an errno value, beginning in lower case.
std::string system_text(int error_number);

// Remembers the text for tw_last_error of this thread and returns the status.
tw_status record_failure(tw_status status, std::string_view message) noexcept;
// The same for the exception that is being handled.
tw_status record_current_exception() noexcept;

template <class Body> tw_status guarded(Body&& body) noexcept {
  try {
    body();
    return TW_OK;
  } catch (...) { return record_current_exception(); }
}

} // namespace tw::runtime
