// SPDX-License-Identifier: Apache-2.0
// Concatenations in place: `concat(…, in_place=True)` does nothing, because each part is computed where the result has it. This is where
// what follows from that is worked out once, for those who make such calls, set strides, and plan memory.
#pragma once

#include "ir/build.h"

#include <unordered_map>
#include <unordered_set>

namespace tw::passes {

bool is_in_place(const OpCall& call);

// A value inside a larger one, `offset` elements behind its beginning. From one index to the next it is as far as in the larger one.
struct Placement {
  const Node* whole;
  int64_t offset;
};
using Placements = std::unordered_map<const Node*, Placement>;
// The values of the body that lie inside others. Contract: sizes from the axis on are literals.
Placements placements(const Body& body);
// The place of what lies `index` further along a dimension. Contract: the whole's sizes behind it are literals.
Placement moved_along(const Placement& place, size_t dimension, int64_t index);

// Elements from one index to the next along each dimension of a value of that shape; empty: it is dense.
List<Ref<Expr>> strides_of(const Placement& placement, const Shape& shape);
// The product of the sizes from a dimension on; nothing if one is no literal.
std::optional<int64_t> elements_from(const Shape& shape, size_t dimension);

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
  // Is the size a literal or one of the function's own?
  bool known_at_entry(const Ref<Expr>& size) const;

private:
  std::unordered_set<const Node*> dims_, bound_;
  std::unordered_map<const Node*, const OpCall*> producers_;
  std::unordered_map<const Node*, int> readers_;
};

} // namespace tw::passes
