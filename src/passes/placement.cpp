// SPDX-License-Identifier: Apache-2.0
#include "passes/placement.h"

#include "arith/analyzer.h"
#include "ir/over_dims.h"
#include "passes/fusion.h"
#include "passes/operands.h"

#include <algorithm>

namespace tw::passes {

bool is_in_place(const OpCall& call) { return call.op == "concat" && attribute<bool>(call, "in_place"); }

bool Placement::operator==(const Placement& other) const { return whole == other.whole && same_shape(begin, other.begin); }

Placement start_of(const Node* whole) { return {whole, Shape(std::vector<Ref<Expr>>(shape_of_operand(whole).size(), imm(0)))}; }

Placement moved_along(const Placement& place, size_t dimension, const Ref<Expr>& distance) {
  std::vector<Ref<Expr>> begin = place.begin.vector();
  begin[dimension] = arith::simplify(begin[dimension] + distance);
  return {place.whole, Shape(std::move(begin))};
}

Ref<Expr> elements_before(const Placement& place) {
  List<Ref<Expr>> strides = dense_strides(shape_of_operand(place.whole));
  Ref<Expr> elements = imm(0);
  for (size_t d = 0; d < strides.size(); ++d) elements = elements + place.begin[d] * strides[d];
  return arith::simplify(elements);
}

// Backwards: what a concatenation's result is a part of is known before its own parts are placed. One whose parts lie side by side already,
// because a later one has placed them, is the place that they fill together.
Placements placements(const Body& body) {
  Placements out;
  for (size_t i = body.bindings.size(); i-- > 0;) {
    const auto* call = as<OpCall>(body.bindings[i]->operation);
    if (!call || !is_in_place(*call)) continue;
    const Node* result = body.bindings[i]->values[0].node();
    auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(*call, "axis"), shape_of_operand(result).size()));
    Placement place = start_of(result);
    if (auto inside = out.find(result); inside != out.end()) place = inside->second;
    else if (auto first = out.find(call->args[0].node()); first != out.end()) out.emplace(result, place = first->second);
    for (const auto& part : call->args) {
      out.emplace(part.node(), place);
      place = moved_along(place, axis, shape_of_operand(part)[axis]);
    }
  }
  return out;
}

ValueUses::ValueUses(const Function& function) : dims_(function.dims) {
  for (const auto& binding : function.body->bindings) {
    const auto* call = as<OpCall>(binding->operation);
    for (const auto& value : binding->values)
      if (call && is_kernel(*call)) producers_.emplace(value.node(), call);
  }
  auto bound = [&](const Node* value) {
    ++readers_[value];
    bound_.insert(value);
  };
  visit(
      &function,
      [&](const OpCall& call) {
        bool placed = is_kernel(call) || is_in_place(call);
        for (const auto& a : call.args)
          if (placed) ++readers_[a.node()];
          else bound(a.node());
      },
      [&](const Body& body, Walk walk) {
        for (const auto& r : body.results) bound(r.node());
        walk(static_cast<const Node*>(&body));
      },
      [&](const Invoke& x) {
        for (const auto& a : x.args) bound(a.node());
      },
      [&](const Branch& x, Walk walk) {
        bound(x.cond.node());
        walk(static_cast<const Node*>(&x));
      },
      [&](const Loop& x, Walk walk) {
        for (const auto& v : x.init) bound(v.node());
        bound(x.trip.node());
        bound(x.cond.node());
        walk(static_cast<const Node*>(&x));
      });
}

const OpCall* ValueUses::producer(const Node* value) const {
  auto found = producers_.find(value);
  return found == producers_.end() ? nullptr : found->second;
}
int ValueUses::readers(const Node* value) const {
  auto found = readers_.find(value);
  return found == readers_.end() ? 0 : found->second;
}
bool ValueUses::known_at_entry(const Shape& sizes) const {
  return std::all_of(sizes.begin(), sizes.end(), [&](const Ref<Expr>& size) { return is_over(size, dims_); });
}

} // namespace tw::passes
