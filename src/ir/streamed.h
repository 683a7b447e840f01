// SPDX-License-Identifier: Apache-2.0
// Results that go past the caches: an attribute of a kernel lists the outputs of which nobody will find anything in a cache. A hint: where
// a store writes whole, aligned cache lines of one, it may leave out reading those lines first.
//
//   @kernel(streamed=("y",))
#pragma once

#include "ir/kernel_attribute.h"

namespace tw {

inline constexpr const char* streamed_attribute = "streamed";
inline constexpr int64_t cache_line = 64; // bytes

inline bool is_streamed(const Kernel& kernel, const Buffer& buffer) { return attribute_lists(kernel, streamed_attribute, buffer); }

} // namespace tw
