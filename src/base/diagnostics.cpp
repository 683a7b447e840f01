// SPDX-License-Identifier: Apache-2.0
#include "base/diagnostics.h"

namespace tw {

int exit_code(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::user: return 1;
  case ErrorKind::unsupported: return 2;
  case ErrorKind::internal: return 3;
  }
  return 3;
}

Error&& Error::at(std::string place) && {
  at(std::move(place));
  return std::move(*this);
}

Error& Error::at(std::string place) & {
  if (!places_.empty() && places_.back() == place) return *this; // two layers may know the same node
  places_.push_back(std::move(place));
  text_.clear();
  return *this;
}

Error&& Error::hint(std::string text) && {
  hint_ = std::move(text);
  text_.clear();
  return std::move(*this);
}

const char* Error::what() const noexcept {
  try {
    if (text_.empty()) {
      if (kind_ == ErrorKind::internal) text_ = "internal error: ";
      if (kind_ == ErrorKind::unsupported) text_ = "unsupported: ";
      text_ += message_;
      for (const auto& place : places_) text_ += "\n  at " + place;
      if (!hint_.empty()) text_ += "\n  hint: " + hint_;
      if (kind_ == ErrorKind::internal) text_ += "\n  this is a bug in tensorwright; please report it with the model or a part of it";
    }
    return text_.c_str();
  } catch (...) { return message_.c_str(); }
}

} // namespace tw
