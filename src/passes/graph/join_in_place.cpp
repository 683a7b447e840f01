// SPDX-License-Identifier: Apache-2.0
// Concatenations whose parts can be computed where the result has them become views: kernels write slices of one buffer, and nothing is
// copied. Layers that gather all earlier results again and again (DenseNet) name the same parts in the same order: one buffer serves them
// all, each concatenation being its beginning.
//
// A part can move if a kernel of the same body computes it, if no other concatenation wants it elsewhere, and if kernels alone read it: a
// view of a part would need its bytes to be dense. Parts that cannot are copied, and the concatenation stays a kernel if that would be most
// of it, or if its parts are computed by the same kernel anyhow.
#include "passes/fusion.h"
#include "passes/graph_rewriter.h"
#include "passes/operands.h"
#include "passes/placement.h"

#include <unordered_set>

namespace tw::passes {
namespace {

constexpr int64_t shortest_run = 64;    // bytes of a part that lie together: less makes kernels slow
constexpr int64_t typical_size = 64;    // of a dimension that is no literal
constexpr int64_t worth_joining = 4096; // bytes of a result: below that a kernel more or less is what counts

class Joiner {
public:
  explicit Joiner(const Ref<Function>& function) : function_(function), uses_(*function.get()), places_(placements(*function->body)) {}

  Ref<Function> run() {
    const Body& body = *function_->body;
    std::vector<Ref<Binding>> reversed;
    bool changed = false;
    for (size_t i = body.bindings.size(); i-- > 0;) {
      const Ref<Binding>& binding = body.bindings[i];
      const auto* call = as<OpCall>(binding->operation);
      if (!call || call->op != "concat" || is_in_place(*call) || !join(*call, binding->values[0])) {
        reversed.push_back(binding);
        continue;
      }
      changed = true;
      Ref<OpCall> joined = with(with(ref_to(*call), &OpCall::args, List<Opt<Operand>>(args_)), &OpCall::attrs,
                                List<Ref<Attr>>(with_attribute(*call, "in_place", true)));
      reversed.push_back(with(binding, &Binding::operation, Ref<Operation>(joined)));
      reversed.insert(reversed.end(), copies_.rbegin(), copies_.rend());
    }
    if (!changed) return function_;
    Ref<Body> joined = with(function_->body, &Body::bindings, List<Ref<Binding>>(reversed.rbegin(), reversed.rend()));
    return with(function_, &Function::body, joined);
  }

private:
  // Is the value in memory before a concatenation of it would copy it? A product or a reduction, with maps behind it; or what several read.
  bool is_stored(const Node* value) const {
    const OpCall* call = uses_.producer(value);
    if (!call || uses_.readers(value) > 1) return true;
    ops::Fusion kind = ops::get(call->op).fusion;
    if (kind != ops::Fusion::elementwise) return kind != ops::Fusion::injective;
    return std::any_of(call->args.begin(), call->args.end(),
                       [&](const auto& a) { return uses_.producer(a.node()) && uses_.readers(a.node()) == 1 && is_stored(a.node()); });
  }

  // Elements of an index of the dimensions before `begin` in those up to `end`.
  static int64_t typical_elements(const Shape& shape, size_t begin, size_t end) {
    int64_t count = 1;
    for (size_t d = begin; d < end; ++d) count *= as_int(shape[d]).value_or(typical_size);
    return count;
  }

  // Decides, and notes places of parts, arguments, and copies of what cannot move.
  bool join(const OpCall& call, const Ref<Value>& result) {
    Shape shape = shape_of_operand(result);
    auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), shape.size()));
    if (!uses_.known_at_entry(shape)) return false;
    const int64_t row = typical_elements(shape, axis, shape.size()), rows = typical_elements(shape, 0, axis),
                  width = element_of(result).bytes();
    if (rows * row * width < worth_joining || element_of(result).bits % 8 != 0) return false;

    Placement begin = start_of(result.node());
    if (auto inside = places_.find(result.node()); inside != places_.end()) begin = inside->second;
    else if (side_by_side(call, axis) && !uses_.is_bound(result.node())) begin = places_.at(call.args[0].node());

    Placement place = begin;
    std::vector<bool> stays;
    std::unordered_set<const Node*> seen;
    int64_t saved = 0;
    for (const auto& part : call.args) {
      Shape sizes = shape_of_operand(part);
      const int64_t size = typical_elements(sizes, axis, sizes.size());
      if (rows > 1 && size * width < shortest_run) return false;
      auto known = places_.find(part.node());
      bool there = known != places_.end() && known->second == place;
      bool twice = !seen.insert(part.node()).second;
      stays.push_back(there || (known == places_.end() && uses_.can_lie_inside(part.node()) && !twice));
      if (stays.back() && is_stored(part.node())) saved += size;
      place = next(place, axis, part.node());
    }
    if (2 * saved < row) return false;
    settle(call, result, begin, axis, stays);
    return true;
  }

  static Placement next(const Placement& place, size_t axis, const Node* part) {
    return moved_along(place, axis, shape_of_operand(part)[axis]);
  }

  // Do the parts fill a stretch of a larger value?
  bool side_by_side(const OpCall& call, size_t axis) const {
    auto first = places_.find(call.args[0].node());
    if (first == places_.end()) return false;
    Placement expected = first->second;
    for (const auto& part : call.args) {
      auto found = places_.find(part.node());
      if (found == places_.end() || found->second != expected) return false;
      expected = next(expected, axis, part.node());
    }
    return true;
  }

  void settle(const OpCall& call, const Ref<Value>& result, Placement place, size_t axis, const std::vector<bool>& stays) {
    args_.clear();
    copies_.clear();
    if (place.whole != result.node()) places_.insert_or_assign(result.node(), place);
    OriginScope origin(call.origin);
    for (size_t i = 0; i < call.args.size(); ++i) {
      Ref<Operand> part = as_ref<Operand>(call.args[i]);
      if (!stays[i]) {
        Ref<Value> copy = make(Value{.id = "part", .type = type_of(part.node())});
        copies_.push_back(make(Binding{.values = {copy}, .operation = make(OpCall{.op = "identity", .args = {part}})}));
        part = copy;
      }
      args_.push_back(part);
      places_.insert_or_assign(part.node(), place);
      place = next(place, axis, part.node());
    }
  }

  Ref<Function> function_;
  ValueUses uses_;
  Placements places_;
  std::vector<Opt<Operand>> args_;
  std::vector<Ref<Binding>> copies_; // of the concatenation at hand
};

} // namespace

Ref<Module> join_in_place(const Ref<Module>& module, PassContext&) {
  return map_functions(module, [](const Ref<Function>& function) { return is_fused(*function) ? function : Joiner(function).run(); });
}

extern const Pass join_in_place_pass;
const Pass join_in_place_pass = {
    .name = "join_in_place", .doc = "lets kernels write the parts of a concatenation where the result has them", .graph = join_in_place};

} // namespace tw::passes
