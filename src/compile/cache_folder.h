// SPDX-License-Identifier: Apache-2.0
// Where compiled kernels are kept, for those who may not see the code generator.
#pragma once

#include <filesystem>
#include <optional>

namespace tw::compile {

// As TENSORWRIGHT_CACHE says; nothing when it is off.
std::optional<std::filesystem::path> cache_folder();

} // namespace tw::compile
