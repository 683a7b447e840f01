// SPDX-License-Identifier: Apache-2.0
// Where what can be made again is kept for this user.
#pragma once

#include <filesystem>
#include <optional>

namespace tw {

// $XDG_CACHE_HOME/tensorwright, else ~/.cache/tensorwright; nothing without a home.
std::optional<std::filesystem::path> user_cache_folder();

} // namespace tw
