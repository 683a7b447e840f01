// SPDX-License-Identifier: Apache-2.0
// How the nodes of a decision tree compare: shared by the operator and by what reads forests from models.
#pragma once

namespace tw::ops {

// By mode; mode 0 is a leaf, which compares nothing.
inline constexpr const char* tree_comparisons[] = {"leaf", "le", "lt", "ge", "gt", "eq", "ne"};

} // namespace tw::ops
