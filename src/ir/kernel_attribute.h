// SPDX-License-Identifier: Apache-2.0
// Attributes that passes give to kernels and code generation reads.
#pragma once

#include "ir/nodes/kernel.h"

#include <algorithm>
#include <string_view>

namespace tw {

// Null if the kernel has none of that name and type.
template <class T> const T* kernel_attribute(const Kernel& kernel, std::string_view name) {
  for (const auto& attr : kernel.attrs)
    if (attr->name.str() == name) return std::get_if<T>(&attr->value);
  return nullptr;
}
// Does an attribute that lists parameters name this one?
inline bool attribute_lists(const Kernel& kernel, std::string_view name, const Buffer& parameter) {
  const auto* names = kernel_attribute<List<Name>>(kernel, name);
  return names && std::find(names->begin(), names->end(), parameter.id) != names->end();
}

} // namespace tw
