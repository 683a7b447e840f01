// SPDX-License-Identifier: Apache-2.0
// Results that may be computed over an operand: an attribute of a kernel lists the inputs in whose memory one of its outputs may lie. Such
// a kernel reads each element of the input only in the store that replaces it. Whether memory is shared is each launch's matter.
//
//   @kernel(overwrites=("residual",))
#pragma once

#include "ir/kernel_attribute.h"

#include <algorithm>

namespace tw {

inline constexpr const char* overwrites_attribute = "overwrites";

inline bool overwrites(const Kernel& kernel, const Buffer& input) { return attribute_lists(kernel, overwrites_attribute, input); }
inline bool overwrites_any(const Kernel& kernel) {
  return std::any_of(kernel.params.begin(), kernel.params.end(), [&](const auto& p) { return overwrites(kernel, *p->buffer); });
}

} // namespace tw
