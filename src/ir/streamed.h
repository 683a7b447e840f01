// SPDX-License-Identifier: Apache-2.0
// Results that go past the caches: an attribute of a kernel lists the outputs of which nobody will find anything in a cache. A hint: where
// a store writes whole, aligned cache lines of one, it may leave out reading those lines first.
//
//   @kernel(streamed=("y",))
#pragma once

#include "ir/nodes/kernel.h"

#include <algorithm>

namespace tw {

inline constexpr const char* streamed_attribute = "streamed";
inline constexpr int64_t cache_line = 64; // bytes

inline bool is_streamed(const Kernel& kernel, const Buffer& buffer) {
  for (const auto& attr : kernel.attrs)
    if (const auto* names = std::get_if<List<Name>>(&attr->value); names && attr->name == streamed_attribute)
      return std::find(names->begin(), names->end(), buffer.id) != names->end();
  return false;
}

} // namespace tw
