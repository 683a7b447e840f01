// SPDX-License-Identifier: Apache-2.0
// Transposed convolutions with strides, without products by the zeros that strides put between the elements of x. Results that lie a stride
// apart, a phase, read neighbours of x through the same taps: every stride-th one. With s phases along an axis there are s times fewer
// products for each result.
//
// Two forms. Where output channels fill vectors: the operator itself with its weights sorted by phases, which writes each phase where it
// belongs. Where they are few: one convolution gives all phases of a place side by side as channels, and a map puts them in their places.
// Along an axis where x has one element any stride means the same; that of the kernel's size leaves one tap.
#include "ops/sizes.h"
#include "passes/operands.h"
#include "passes/pass.h"

#include <algorithm>

namespace tw::passes {
namespace {

struct Axis {
  Ref<Expr> input, output;
  int64_t kernel, stride, dilation, begin, end, extra;
  int64_t taps() const { return stride == 1 ? kernel : (kernel + stride - 1) / stride; } // of one phase
  int64_t missing() const { return taps() * stride - kernel; } // zeros behind the kernel, so that phases are alike
};

int64_t entry(const OpCall& call, const char* name, size_t d) {
  const auto& list = attribute<List<int64_t>>(call, name);
  return list.empty() ? 1 : list[d];
}

// The axes of a call that gains from phases.
std::optional<std::vector<Axis>> axes_of(const OpCall& call, const Ref<Value>& result) {
  if (!attribute<bool>(call, "channels_last") || attribute<bool>(call, "phased")) return {};
  Shape x = shape_of_operand(call.args[0]), w = shape_of_operand(call.args[1]), y = shape_of_operand(result);
  Shape pads = sizes_attribute(call, "pads"), extra = sizes_attribute(call, "output_padding");
  std::vector<Axis> axes;
  bool gains = false;
  for (size_t d = 0, rank = x.size() - 2; d < rank; ++d) {
    auto known = [&](const Shape& list, size_t i) { return list.empty() ? std::optional<int64_t>(0) : as_int(list[i]); };
    auto kernel = as_int(w[d]), begin = known(pads, d), end = known(pads, rank + d), more = known(extra, d);
    if (!kernel || !begin || !end || !more || *begin < 0) return {};
    Axis axis{x[1 + d], y[1 + d], *kernel, entry(call, "strides", d), entry(call, "dilations", d), *begin, *end, *more};
    auto output = as_int(axis.output);
    if (is_int(axis.input, 1) && axis.dilation == 1 && axis.stride < axis.kernel && output && *output + axis.begin <= axis.kernel)
      axis.stride = axis.kernel;
    if (axis.stride > 1 && axis.dilation > 1) return {};
    gains = gains || axis.stride > 1;
    axes.push_back(axis);
  }
  return gains ? std::optional(axes) : std::nullopt;
}

class Phases {
public:
  Phases(GraphRewriter& graph, const OpCall& call, std::vector<Axis> axes) : graph_(graph), call_(call), axes_(std::move(axes)) {}

  // The operator itself, its weights (strides…, taps…, I, O).
  Operands sorted() {
    std::vector<int64_t> order;
    for (size_t d = 0; d < axes_.size(); ++d) order.push_back(static_cast<int64_t>(2 * d + 1));
    for (size_t d = 0; d < axes_.size(); ++d) order.push_back(static_cast<int64_t>(2 * d));
    Ref<Operand> weights = transpose(parted_weights(), order);
    std::vector<int64_t> strides;
    std::vector<Ref<Expr>> pads, ends;
    for (const Axis& axis : axes_) {
      strides.push_back(axis.stride);
      pads.push_back(imm(axis.begin));
      ends.push_back(imm(axis.end + axis.missing()));
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    OpCall changed(call_);
    for (auto& [name, value] : std::vector<std::pair<const char*, Attr::Value>>{
             {"strides", List<int64_t>(strides)}, {"pads", List<Ref<Expr>>(pads)}, {"phased", true}})
      changed.attrs = with_attribute(changed, name, value);
    std::vector<Opt<Operand>> args = call_.args.vector();
    args[1] = weights;
    auto results = graph_.call_in_place(call_.op, std::move(args), changed.attrs.vector());
    return Operands(results.begin(), results.end());
  }

  // One convolution for all phases, then a map.
  Operands side_by_side() {
    Shape w = shape_of_operand(call_.args[1]), x = shape_of_operand(call_.args[0]);
    size_t rank = axes_.size();
    const Ref<Expr>& outputs = w.back();
    std::vector<int64_t> order, dilations;
    std::vector<Ref<Expr>> weights_shape, pads, ends, parted{x[0]}, joined{x[0]}, first, last;
    int64_t phases = 1;
    for (size_t d = 0; d < rank; ++d) {
      const Axis& axis = axes_[d];
      order.push_back(static_cast<int64_t>(2 * d));
      weights_shape.push_back(imm(axis.taps()));
      dilations.push_back(axis.dilation);
      phases *= axis.stride;
      // Places of the convolution's whole result that hold results wanted.
      int64_t from = axis.begin / axis.stride, reach = (axis.taps() - 1) * axis.dilation;
      Ref<Expr> to = ops::simplified(floordiv(axis.output - 1 + axis.begin, axis.stride));
      pads.push_back(imm(from));
      ends.push_back(ops::simplified(axis.input + (reach - 1) - to));
      parted.push_back(ops::simplified(to - (from - 1)));
      joined.push_back(ops::simplified(parted.back() * axis.stride));
      first.push_back(imm(axis.begin % axis.stride));
      last.push_back(ops::simplified(first.back() + axis.output));
    }
    order.push_back(static_cast<int64_t>(2 * rank));
    for (size_t d = 0; d < rank; ++d) order.push_back(static_cast<int64_t>(2 * d + 1));
    weights_shape.push_back(w[rank]);
    weights_shape.push_back(ops::simplified(outputs * phases));
    pads.insert(pads.end(), ends.begin(), ends.end());
    Ref<Operand> weights = reshaped(graph_, transpose(parted_weights(), order), Shape(weights_shape));
    Opt<Operand> bias;
    if (has_argument(call_, 2)) {
      Ref<Operand> one = reshaped(graph_, argument(call_, 2), Shape{imm(1), outputs});
      Ref<Operand> all = graph_.call("expand", {one}, attributes("expand", {{"shape", Shape{imm(phases), outputs}}}));
      bias = reshaped(graph_, all, Shape{weights_shape.back()});
    }
    Ref<Operand> y = graph_.call(
        call_.op, {call_.args[0], weights, bias},
        attributes(call_.op, {{"dilations", List<int64_t>(dilations)}, {"pads", List<Ref<Expr>>(pads)}, {"channels_last", true}}));
    return {shuffled(y, parted, joined, first, last, outputs)};
  }

private:
  // With the leading dimensions in that order and the others behind them.
  Ref<Operand> transpose(const Ref<Operand>& x, std::vector<int64_t> order) {
    for (auto d = static_cast<int64_t>(order.size()); d < static_cast<int64_t>(shape_of_operand(x).size()); ++d) order.push_back(d);
    return graph_.call("transpose", {x}, attributes("transpose", {{"axes", List<int64_t>(order)}}));
  }

  // (k…, I, O) as (taps, stride, taps, stride, …, I, O).
  Ref<Operand> parted_weights() {
    Ref<Operand> w = argument(call_, 1);
    Shape from = shape_of_operand(w);
    std::vector<Ref<Expr>> none(from.size(), imm(0)), behind = none, shape;
    bool longer = false;
    for (size_t d = 0; d < axes_.size(); ++d) {
      longer = longer || axes_[d].missing() > 0;
      behind[d] = imm(axes_[d].missing());
      shape.insert(shape.end(), {imm(axes_[d].taps()), imm(axes_[d].stride)});
    }
    shape.insert(shape.end(), from.end() - 2, from.end());
    if (longer) w = graph_.call("pad", {w}, attributes("pad", {{"begin", List<Ref<Expr>>(none)}, {"end", List<Ref<Expr>>(behind)}}));
    return reshaped(graph_, w, Shape(shape));
  }

  // (N, places…, strides… * O) → (N, results…, O)
  Ref<Operand> shuffled(const Ref<Operand>& y, std::vector<Ref<Expr>> parted, std::vector<Ref<Expr>> joined,
                        const std::vector<Ref<Expr>>& first, const std::vector<Ref<Expr>>& last, const Ref<Expr>& outputs) {
    std::vector<int64_t> order = {0}, axes;
    auto rank = static_cast<int64_t>(axes_.size());
    for (int64_t d = 0; d < rank; ++d) {
      parted.push_back(imm(axes_[static_cast<size_t>(d)].stride));
      order.insert(order.end(), {1 + d, 1 + rank + d});
      axes.push_back(1 + d);
    }
    parted.push_back(outputs);
    joined.push_back(outputs);
    Ref<Operand> all = reshaped(graph_, transpose(reshaped(graph_, y, Shape(parted)), order), Shape(joined));
    return graph_.call(
        "slice", {all},
        attributes("slice", {{"axes", List<int64_t>(axes)}, {"begin", List<Ref<Expr>>(first)}, {"end", List<Ref<Expr>>(last)}}));
  }

  GraphRewriter& graph_;
  const OpCall& call_;
  std::vector<Axis> axes_;
};

Ref<Module> split_phases(const Ref<Module>& module, PassContext& context) {
  return rewrite_calls(module, [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
    if (call.op != "convolution_transpose") return {};
    auto axes = axes_of(call, graph.binding().values[0]);
    if (!axes) return {};
    auto outputs = as_int(shape_of_operand(call.args[1]).back());
    bool few = outputs && *outputs < context.target.lanes(element_of(call.args[0]).bytes());
    Phases phases(graph, call, std::move(*axes));
    return few && attribute<int64_t>(call, "groups") == 1 ? phases.side_by_side() : phases.sorted();
  });
}

} // namespace

extern const Pass split_phases_pass;
const Pass split_phases_pass = {
    .name = "split_phases",
    .doc = "computes transposed convolutions with strides phase by phase, without products by zeros",
    .graph = split_phases,
};

} // namespace tw::passes
