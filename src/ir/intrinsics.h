// SPDX-License-Identifier: Apache-2.0
// The intrinsics: one table row each. Expansion belongs to the code generators; a missing one is an error naming target and intrinsic.
#pragma once

#include "ir/node_list.h"

#include <span>

namespace tw {

enum class IntrinsicType { same_as_first, boolean, element }; // element: one lane of the first argument
enum class Effect { pure, synchronises };

struct Intrinsic {
  const char* name;
  int arity;
  IntrinsicType type;
  Effect effect;
  const char* doc;
  double (*evaluate)(std::span<const double> args); // for floats, in double; null if it has no value of its own
  DType result_type(const List<Ref<Expr>>& args) const;
};

// Throws an internal error for an unknown name.
const Intrinsic& find_intrinsic(Name name);
const Intrinsic* lookup_intrinsic(std::string_view name);
std::span<const Intrinsic> all_intrinsics();

} // namespace tw
