// SPDX-License-Identifier: Apache-2.0
// Memory of outputs and of copied inputs. What a program drops is kept for the next run, up to a limit: pages that the system has to give
// and fill with zeros anew in each run would cost more than many a kernel (2 MiB: a quarter of a millisecond).
#pragma once

#include <cstdint>
#include <memory>

namespace tw::bindings {

// Aligned to 64 bytes, of any content. std::bad_alloc if there is none.
std::shared_ptr<void> allocate_aligned(int64_t bytes);

} // namespace tw::bindings
