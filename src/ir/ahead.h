// SPDX-License-Identifier: Apache-2.0
// What will be read soon: an attribute of a kernel says for each parameter how many elements behind each vector that is loaded from it
// another one is to be asked for, so that it is in the second-level cache by then; 0: none. A hint: the place may lie beyond the buffer,
// and nothing is read.
//
//   @kernel(ahead=(0, 0, 3584, 0))
#pragma once

#include "ir/kernel_attribute.h"

namespace tw {

inline constexpr const char* ahead_attribute = "ahead";

inline int64_t elements_ahead(const Kernel& kernel, size_t parameter) {
  const auto* distances = kernel_attribute<List<int64_t>>(kernel, ahead_attribute);
  return distances && parameter < distances->size() ? (*distances)[parameter] : 0;
}

} // namespace tw
