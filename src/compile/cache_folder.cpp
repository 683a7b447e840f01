// SPDX-License-Identifier: Apache-2.0
#include "compile/cache_folder.h"

#include "codegen/llvm/object_cache.h"

namespace tw::compile {

std::optional<std::filesystem::path> cache_folder() { return codegen::ObjectCache::default_folder(); }

} // namespace tw::compile
