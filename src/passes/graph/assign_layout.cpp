// SPDX-License-Identifier: Apache-2.0
// Channels last for convolutions, pools and what lies between them: (batch, space…, channels), where every kernel's innermost axis is
// contiguous (reasons and figures: docs/design.md). Inputs and outputs of the model keep their declared layout.
//
// First a plan for the whole body: which calls take and give channels last, so that the fewest bytes are transposed (plan.cpp). Then one
// sweep that carries it out: a call in channels last takes the transposed forms of its arguments and gives its result between transposes
// back, which the next such call looks through. What nobody looks at is dead, so inside a region of channels last no transpose is left.
#include "passes/graph/assign_layout/parts.h"

namespace tw::passes {
namespace {

using namespace layout;

class Conversion {
public:
  Conversion(const Function& function, const Target& target) { plan_body(*function.body.get(), target, plan_); }

  Replacement operator()(GraphRewriter& graph, const OpCall& call) {
    if (call.op == "matmul") return permuted_rows(graph, call);
    auto found = plan_.find(graph.binding().values[0].node());
    if (found == plan_.end()) return {};
    const Choice& choice = found->second;
    switch (choice.part.kind) {
    case Kind::fixed:
    case Kind::to_first: return {}; // the model's own transpose is looked through like those made here
    case Kind::twin:
    case Kind::follows: return choice.takes_last ? in_last(graph, call, choice.part) : Replacement();
    case Kind::to_last: return choice.takes_last ? Replacement(Operands{as_last(graph, argument(call, 0))}) : Replacement();
    case Kind::reads_any:
      return choice.takes_last ? Replacement(Operands{reshape(graph, as_last(graph, argument(call, 0)), result_shape(graph))})
                               : Replacement();
    case Kind::gives_any:
      return choice.gives_last ? Replacement(back(graph, {reshape(graph, argument(call, 0), permuted_to_last(result_shape(graph)))}))
                               : Replacement();
    case Kind::keeps_channels:
      if (!choice.takes_last) return {};
      return back(graph, {reshape(graph, as_last(graph, argument(call, 0)), permuted_to_last(result_shape(graph)))});
    case Kind::flattens: return choice.takes_last ? flatten(graph, call) : Replacement();
    }
    return {};
  }

private:
  static Shape result_shape(const GraphRewriter& graph) { return shape_of_operand(graph.binding().values[0]); }
  static Ref<Value> reshape(GraphRewriter& graph, const Ref<Operand>& x, const Shape& shape) {
    return graph.call_in_place("reshape", {x}, attributes("reshape", {{"shape", shape}}))[0];
  }
  static Ref<Value> transpose(GraphRewriter& graph, const Ref<Operand>& x, const List<int64_t>& order) {
    return graph.call("transpose", {x}, attributes("transpose", {{"axes", order}}));
  }

  // The channels-last form: of a transpose back from it, what that was made of; of others, a transpose that all readers share.
  Ref<Operand> as_last(GraphRewriter& graph, const Ref<Operand>& x) {
    size_t rank = rank_of(x);
    if (const OpCall* made = graph.producer(x, "transpose");
        made && List<int64_t>(normal_axes(attribute<List<int64_t>>(*made, "axes"), rank)) == to_first(rank))
      return argument(*made, 0);
    if (const auto* constant = constant_of(x)) return transposed(*constant, to_last(rank).vector());
    auto known = last_.find(x.node());
    if (known != last_.end() && graph.producer(known->second)) return as_ref<Operand>(known->second);
    Ref<Operand> made = transpose(graph, x, to_last(rank));
    last_.insert_or_assign(x.node(), made);
    kept_.push_back(x);
    return made;
  }
  static Operands back(GraphRewriter& graph, const std::vector<Ref<Value>>& results) {
    Operands out;
    for (const auto& result : results) out.push_back(transpose(graph, result, to_first(rank_of(result))));
    return out;
  }

  // A broadcast argument of lower rank: leading ones first, as broadcasting has them.
  Ref<Operand> spread(GraphRewriter& graph, const Ref<Operand>& x, size_t rank) {
    Shape shape = shape_of_operand(x);
    if (is_int(element_count(shape), 1)) return x;
    std::vector<Ref<Expr>> full(rank - shape.size(), imm(1));
    full.insert(full.end(), shape.begin(), shape.end());
    if (const auto* constant = constant_of(x)) return transposed(*reshaped(*constant, Shape(full)).get(), to_last(rank).vector());
    bool one_dimension = true;
    for (size_t d = 0; d < rank; ++d) one_dimension = one_dimension && (d == 1 || is_int(full[d], 1));
    if (one_dimension) return reshaped(graph, x, Shape(permuted_to_last(Shape(full))));
    return transpose(graph, reshaped(graph, x, Shape(full)), to_last(rank));
  }

  Operands in_last(GraphRewriter& graph, const OpCall& call, const Part& part) {
    bool reduces = !part.gives;
    size_t rank = reduces ? rank_of(call.args[0]) : rank_of(graph.binding().values[0]);
    std::vector<Opt<Operand>> args = call.args.vector();
    bool broadcasts = ops::get(call.op).layout == ops::Layout::any_common || call.op == "expand";
    for (size_t i = 0; i < args.size(); ++i) {
      bool follows = std::find(part.followers.begin(), part.followers.end(), i) != part.followers.end();
      if (follows) args[i] = as_last(graph, argument(call, i));
      else if (args[i] && broadcasts) args[i] = spread(graph, argument(call, i), rank);
    }
    if (part.kind == Kind::twin)
      if (std::vector<int64_t> order = weights_in_last(call, rank); !order.empty()) {
        const auto* weights = constant_of(args[1]);
        args[1] = weights ? Ref<Operand>(transposed(*weights, order)) : transpose(graph, argument(call, 1), List<int64_t>(order));
      }
    auto results = graph.call_in_place(call.op, std::move(args), attributes_in_last(call, rank));
    return reduces ? Operands(results.begin(), results.end()) : back(graph, results);
  }

  // (N, space…, C) read as (N, space * C): the rows of the products behind it change places.
  Operands flatten(GraphRewriter& graph, const OpCall& call) {
    Shape from = shape_of_operand(call.args[0]);
    Ref<Value> flat = reshape(graph, as_last(graph, argument(call, 0)), result_shape(graph));
    flattened_.emplace(graph.producer(flat), from);
    return {flat};
  }
  Replacement permuted_rows(GraphRewriter& graph, const OpCall& call) {
    auto found = flattened_.find(graph.producer(call.args[0]));
    const auto* weights = constant_of(call.args[1]);
    if (found == flattened_.end() || !weights) return {};
    Shape from = found->second;
    std::vector<Ref<Expr>> rows = {from[1], element_count(Shape(from.begin() + 2, from.end())), weights->type->shape[1]};
    Ref<Constant> permuted = transposed(*reshaped(*weights, Shape(rows)).get(), {1, 0, 2});
    std::vector<Opt<Operand>> args = call.args.vector();
    args[1] = reshaped(*permuted.get(), weights->type->shape);
    auto results = graph.call_in_place("matmul", std::move(args), call.attrs.vector());
    return Operands(results.begin(), results.end());
  }

  Plan plan_;
  std::unordered_map<const Node*, Ref<Operand>> last_;
  std::vector<Ref<Operand>> kept_; // keys of last_ must live
  std::unordered_map<const OpCall*, Shape> flattened_;
};

Ref<Module> assign_layout(const Ref<Module>& module, PassContext& context) {
  return map_functions(module, [&](const Ref<Function>& function) {
    Conversion convert(*function.get(), context.target);
    return rewrite_calls(function, [&](GraphRewriter& graph, const OpCall& call) { return convert(graph, call); });
  });
}

} // namespace

extern const Pass assign_layout_pass;
const Pass assign_layout_pass = {
    .name = "assign_layout",
    .doc = "gives convolutions, pools and what lies between them channels-last data, with the fewest transposes",
    .graph = assign_layout,
};

} // namespace tw::passes
