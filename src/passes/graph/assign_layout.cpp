// SPDX-License-Identifier: Apache-2.0
// Channels last for the whole graph: convolutions and pools take data as (batch, space…, channels), where every kernel's innermost axis is
// contiguous (reasons and figures: docs/design.md). Inputs and outputs of the model keep their declared layout.
//
// One sweep in order. An operator with a channels-last twin becomes it, between two transposes; operators that do not care take the
// transposed form of their arguments and give a transposed result, so that transposes meet and vanish. What needs the declared layout reads
// the transpose back, and only then does it do any work.
#include "passes/graph_rewriter.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

List<int64_t> to_last(int64_t rank) { // result dimension i is operand dimension perm[i]
  std::vector<int64_t> perm = {0};
  for (int64_t d = 2; d < rank; ++d) perm.push_back(d);
  perm.push_back(1);
  return List<int64_t>(std::move(perm));
}
List<int64_t> to_first(int64_t rank) {
  std::vector<int64_t> perm = {0, rank - 1};
  for (int64_t d = 1; d + 1 < rank; ++d) perm.push_back(d);
  return List<int64_t>(std::move(perm));
}
// Where a dimension of channels-first data stands in channels-last data.
int64_t axis_in_last(int64_t axis, int64_t rank) { return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1; }

template <class T> const T* attribute(const OpCall& call, const char* name) {
  for (const auto& a : call.attrs)
    if (a->name == name) return std::get_if<T>(&a->value);
  return nullptr;
}

std::vector<Ref<Attr>> with_attribute(const OpCall& call, const char* name, Attr::Value value) {
  std::vector<Ref<Attr>> out;
  for (const auto& a : call.attrs)
    if (!(a->name == name)) out.push_back(a);
  out.push_back(make(Attr{.name = name, .value = std::move(value)}));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return out;
}

int64_t rank_of(const Opt<Operand>& operand) { return static_cast<int64_t>(tensor_of(operand)->shape.size()); }

class LayoutRule {
public:
  Replacement operator()(GraphRewriter& graph, const OpCall& call) {
    const ops::OpDef& op = ops::get(call.op);
    if (call.args.empty() || !call.args[0]) return {};
    if (op.layout == ops::Layout::channels_last) return twin(graph, call);
    if (op.layout == ops::Layout::any_common) return common(graph, call);
    if (op.layout == ops::Layout::axis) return along_axis(graph, call);
    return {};
  }

private:
  static Ref<Operand> transposed(GraphRewriter& graph, const Ref<Operand>& x, const List<int64_t>& perm) {
    return graph.call("transpose", {x}, {make(Attr{.name = "axes", .value = perm})});
  }

  // The channels-last form, if the operand is a transpose back of it.
  static Opt<Operand> last_form(GraphRewriter& graph, const Opt<Operand>& x) {
    const OpCall* t = graph.producer(x, "transpose");
    if (!t || rank_of(x) < 3) return {};
    const auto* perm = attribute<List<int64_t>>(*t, "axes");
    return perm && *perm == to_first(rank_of(x)) ? t->args[0] : Opt<Operand>();
  }

  static Ref<Operand> as_last(GraphRewriter& graph, const Ref<Operand>& x) {
    if (Opt<Operand> known = last_form(graph, x)) return as_ref<Operand>(known);
    return transposed(graph, x, to_last(rank_of(x)));
  }

  static Operands back(GraphRewriter& graph, const std::vector<Ref<Value>>& results) {
    Operands out;
    for (const auto& r : results) out.push_back(transposed(graph, r, to_first(rank_of(r))));
    return out;
  }

  Replacement twin(GraphRewriter& graph, const OpCall& call) {
    const bool* already = attribute<bool>(call, "channels_last");
    int64_t rank = rank_of(call.args[0]);
    if ((already && *already) || rank < 3) return {};
    std::vector<Opt<Operand>> args = call.args.vector();
    args[0] = as_last(graph, as_ref<Operand>(args[0]));
    bool weighted = call.op == "convolution" || call.op == "convolution_transpose";
    if (!weighted && args.size() > 1) return {}; // quantised forms keep the declared layout
    if (weighted) {
      // (O, I, k…) → (k…, I, O); transposed convolutions hold (I, O, k…) → (k…, O, I) by the same permutation.
      std::vector<int64_t> perm;
      for (int64_t d = 2; d < rank; ++d) perm.push_back(d);
      perm.push_back(1);
      perm.push_back(0);
      args[1] = transposed(graph, as_ref<Operand>(args[1]), List<int64_t>(std::move(perm)));
    }
    if (call.op == "max_pool" && graph.binding().values.size() > 1) return {}; // its indices count in the declared layout
    return back(graph, graph.call_all(call.op, std::move(args), with_attribute(call, "channels_last", true)));
  }

  // Elementwise: worth it if an argument of full rank is there in channels-last form already.
  Replacement common(GraphRewriter& graph, const OpCall& call) {
    int64_t rank = 0;
    bool any = false;
    for (const auto& a : call.args)
      if (a) rank = std::max(rank, rank_of(a));
    if (rank < 3) return {};
    for (const auto& a : call.args) any = any || (a && rank_of(a) == rank && last_form(graph, a));
    if (!any) return {};
    std::vector<Opt<Operand>> args;
    for (const auto& a : call.args) args.push_back(a ? Opt<Operand>(spread(graph, as_ref<Operand>(a), rank)) : a);
    return back(graph, graph.call_all(call.op, std::move(args), call.attrs.vector()));
  }

  // A broadcast argument of lower rank gets leading ones first.
  static Ref<Operand> spread(GraphRewriter& graph, const Ref<Operand>& x, int64_t rank) {
    Ref<TensorType> type = tensor_of(x);
    if (type->shape.empty()) return x;
    if (static_cast<int64_t>(type->shape.size()) == rank) return as_last(graph, x);
    std::vector<Ref<Expr>> shape(static_cast<size_t>(rank) - type->shape.size(), imm(1));
    shape.insert(shape.end(), type->shape.begin(), type->shape.end());
    // Only the channel has more than one element: no bytes move.
    bool channel_only = true;
    for (int64_t d = 0; d < rank; ++d) channel_only = channel_only && (d == 1 || is_int(shape[static_cast<size_t>(d)], 1));
    if (channel_only) {
      std::vector<Ref<Expr>> flat(static_cast<size_t>(rank), imm(1));
      flat.back() = shape[1];
      return graph.call("reshape", {x}, {make(Attr{.name = "shape", .value = ops::canonical(List<Ref<Expr>>(std::move(flat)))})});
    }
    Ref<Operand> full =
        graph.call("reshape", {x}, {make(Attr{.name = "shape", .value = ops::canonical(List<Ref<Expr>>(std::move(shape)))})});
    return as_last(graph, full);
  }

  Replacement along_axis(GraphRewriter& graph, const OpCall& call) {
    int64_t rank = rank_of(call.args[0]);
    bool any = false;
    for (const auto& a : call.args) any = any || (a && rank_of(a) == rank && last_form(graph, a));
    if (rank < 3 || !any || (call.op != "concat" && call.op != "softmax" && call.op != "split")) return {};
    const auto* axis = attribute<int64_t>(call, "axis");
    if (!axis) return {};
    int64_t normal = *axis < 0 ? *axis + rank : *axis;
    std::vector<Opt<Operand>> args;
    for (const auto& a : call.args) args.push_back(a ? Opt<Operand>(as_last(graph, as_ref<Operand>(a))) : a);
    return back(graph, graph.call_all(call.op, std::move(args), with_attribute(call, "axis", axis_in_last(normal, rank))));
  }
};

Ref<Module> assign_layout(const Ref<Module>& module, PassContext&) {
  LayoutRule rule;
  return rewrite_calls(module, [&](GraphRewriter& graph, const OpCall& call) { return rule(graph, call); });
}

} // namespace

extern const Pass assign_layout_pass;
const Pass assign_layout_pass = {.name = "assign_layout",
                                 .doc = "gives convolutions and pools channels-last data and moves transposes to where they vanish",
                                 .graph = assign_layout};

} // namespace tw::passes
