// SPDX-License-Identifier: Apache-2.0
// The error text of each thread. When there is no memory even for the text, a fixed sentence stands in.
#include "runtime/failure.h"

#include <cctype>
#include <new>
#include <system_error>

namespace tw::runtime {
namespace {

thread_local std::string last_text;
thread_local const char* last_error = "";

} // namespace

std::string system_text(int error_number) {
  std::string words = std::generic_category().message(error_number);
  if (words.size() > 1 && std::islower(static_cast<unsigned char>(words[1])))
    words[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(words[0])));
  return words;
}

tw_status record_failure(tw_status status, std::string_view message) noexcept {
  try {
    last_text = message;
    last_error = last_text.c_str();
  } catch (...) { last_error = "out of memory while an error was reported"; }
  return status;
}

tw_status record_current_exception() noexcept {
  try {
    throw;
  } catch (const Failure& failure) { return record_failure(failure.status, failure.what()); } catch (const std::bad_alloc&) {
    return record_failure(TW_USER_ERROR, "out of memory in the runtime's own bookkeeping; free memory or use a smaller model");
  } catch (const std::exception& error) { return record_failure(TW_INTERNAL_ERROR, error.what()); } catch (...) {
    return record_failure(TW_INTERNAL_ERROR, "unknown exception in the runtime");
  }
}

} // namespace tw::runtime

const char* tw_last_error(void) { return tw::runtime::last_error; }
