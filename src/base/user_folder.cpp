// SPDX-License-Identifier: Apache-2.0
#include "base/user_folder.h"

#include <cstdlib>

namespace tw {

std::optional<std::filesystem::path> user_cache_folder() {
  const char *shared = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  // The XDG rules: a relative path is to be ignored.
  if (shared && std::filesystem::path(shared).is_absolute()) return std::filesystem::path(shared) / "tensorwright";
  if (home && *home) return std::filesystem::path(home) / ".cache" / "tensorwright";
  return std::nullopt;
}

} // namespace tw
