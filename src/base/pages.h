// SPDX-License-Identifier: Apache-2.0
// Memory for what is large and short-lived or written once: from the system itself, to which it goes back at once, in huge pages where it
// has them. Its contents are zero.
#pragma once

#include <cstddef>
#include <memory>

namespace tw {

// Throws std::bad_alloc; null for a size of 0.
std::shared_ptr<std::byte> allocate_pages(size_t size);

} // namespace tw
