// SPDX-License-Identifier: Apache-2.0
// When stores should go past the caches.
#pragma once

#include "target/target.h"

#include <algorithm>

namespace tw {

// A kernel that moves so many bytes has pushed the first of its results out of the last-level cache when it stores the last one: whoever
// reads them next, from the first on, finds none there. Stores into a cache would only read each line from memory before they write it.
inline bool outruns_caches(const Target& target, int64_t bytes) { return bytes > std::max(target.l2_bytes, target.l3_bytes); }

} // namespace tw
