// SPDX-License-Identifier: Apache-2.0
// Concatenations in place: `concat(…, in_place=True)` does nothing, because each part is computed where the result has it. This is where
// what follows from that is worked out once, for those who make such calls, set strides, and plan memory.
#pragma once

#include "ir/build.h"

#include <unordered_map>
#include <unordered_set>

namespace tw::passes {

bool is_in_place(const OpCall& call);

// A value inside a larger one, of which it is a box: the indices where it begins. From one index to the next it is as far as in the larger
// one.
struct Placement {
  const Node* whole;
  Shape begin;
  bool operator==(const Placement& other) const;
};
using Placements = std::unordered_map<const Node*, Placement>;
// The values of the body that lie inside others.
Placements placements(const Body& body);
// The beginning of a value.
Placement start_of(const Node* whole);
// The place of what lies `distance` further along a dimension.
Placement moved_along(const Placement& place, size_t dimension, const Ref<Expr>& distance);
// Elements of the whole before the first one of the part.
Ref<Expr> elements_before(const Placement& place);

// Who computes and who reads the values of a function's outermost body.
class ValueUses {
public:
  explicit ValueUses(const Function& function);
  // The call of an operator with a kernel of its own that gives the value, or null.
  const OpCall* producer(const Node* value) const;
  int readers(const Node* value) const;
  // Read by something else than kernels: a view or a result wants dense bytes.
  bool is_bound(const Node* value) const { return bound_.contains(value); }
  bool can_lie_inside(const Node* value) const { return producer(value) && !is_bound(value); }
  // Do the sizes depend on the function's dims alone?
  bool known_at_entry(const Shape& sizes) const;

private:
  List<Ref<Var>> dims_;
  std::unordered_set<const Node*> bound_;
  std::unordered_map<const Node*, const OpCall*> producers_;
  std::unordered_map<const Node*, int> readers_;
};

} // namespace tw::passes
