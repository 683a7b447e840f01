// SPDX-License-Identifier: Apache-2.0
// Independent pieces of the compiler's own work, shared between threads.
#pragma once

#include <cstddef>
#include <functional>

namespace tw {

// Calls body(i) for each i below `count`, on up to `threads` threads, the caller's among them; in order where there is one. If some throw,
// what the lowest i has thrown comes out, after all that had begun have ended: the same for any number of threads.
void parallel_for(size_t count, int threads, const std::function<void(size_t)>& body);

} // namespace tw
