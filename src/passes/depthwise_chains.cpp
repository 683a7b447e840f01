// SPDX-License-Identifier: Apache-2.0
#include "passes/depthwise_chains.h"

#include "ir/visit.h"
#include "passes/fusion.h"
#include "passes/operands.h"
#include "passes/placement.h"
#include "target/strips.h"

#include <algorithm>
#include <functional>

namespace tw::passes {
namespace {

// Sizes of one image, channels last; nothing if the run has to say.
struct Image {
  int64_t batch, height, width, channels;
};
std::optional<Image> image_of(const Node* value) {
  Shape shape = shape_of_operand(value);
  if (shape.size() != 4) return {};
  auto sizes = static_shape(Shape(shape.begin() + 1, shape.end()));
  if (!sizes) return {};
  return Image{as_int(shape[0]).value_or(1), (*sizes)[0], (*sizes)[1], (*sizes)[2]};
}

bool all_are(const List<int64_t>& values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == value; });
}
std::optional<std::vector<int64_t>> pads_of(const OpCall& call) { return static_shape(sizes_attribute(call, "pads")); }
bool has_pads(const OpCall& call) {
  auto pads = pads_of(call);
  return !pads || std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p != 0; });
}

// Over images with channels last.
bool is_convolution(const OpCall& call) {
  return call.op == "convolution" && attribute<bool>(call, "channels_last") && shape_of_operand(call.args[1]).size() == 4 &&
         element_of(call.args[0]).is_float();
}
bool is_pointwise(const OpCall& call) {
  if (!is_convolution(call) || attribute<int64_t>(call, "groups") != 1 || has_pads(call)) return false;
  Shape weights = shape_of_operand(call.args[1]);
  return is_int(weights[0], 1) && is_int(weights[1], 1) && all_are(attribute<List<int64_t>>(call, "strides"), 1);
}
bool is_depthwise(const OpCall& call) {
  if (!is_convolution(call)) return false;
  Shape weights = shape_of_operand(call.args[1]);
  auto channels = as_int(weights[3]), groups = std::optional(attribute<int64_t>(call, "groups"));
  auto pads = pads_of(call);
  return is_int(weights[2], 1) && channels == groups && *groups > 1 && pads &&
         std::all_of(pads->begin(), pads->end(), [](int64_t p) { return p >= 0; });
}

// The one argument of an elementwise call that is no constant.
const Node* changed_argument(const OpCall& call) {
  if (!is_kernel(call) || ops::get(call.op).fusion != ops::Fusion::elementwise) return nullptr;
  const Node* out = nullptr;
  for (const auto& a : call.args) {
    if (!a || constant_of(a)) continue;
    if (out) return nullptr;
    out = a.node();
  }
  return out;
}

// How often the call of an elementwise operator computes a function (an exponential or the like) for an element.
int64_t functions_of(const OpCall& call, const Node* result) {
  std::vector<Opt<Buffer>> inputs;
  for (const auto& a : call.args)
    inputs.push_back(a ? Opt<Buffer>(make(Buffer{.id = "in", .shape = shape_of_operand(a), .element = element_of(a)})) : Opt<Buffer>());
  std::vector<Ref<Buffer>> outputs = {make(Buffer{.id = "out", .shape = shape_of_operand(result), .element = element_of(result)})};
  ops::Compute compute(call, inputs, outputs, "element");
  ops::get(call.op).compute(compute);
  int64_t count = 0;
  for (const auto& statement : compute.statements()) visit(statement, [&](const Call&) { ++count; });
  return count;
}

// Convolutions that may share a kernel, in order, and what that saves.
struct Chain {
  std::vector<const OpCall*> members;
  double saved_seconds;
};

class Chains {
public:
  Chains(const Function& function, const Target& target, Borders borders) : target_(target), borders_(borders), uses_(function) {
    for (const auto& binding : function.body->bindings) {
      const auto* call = as<OpCall>(binding->operation);
      if (!call || binding->values.size() != 1) continue;
      result_of_.emplace(call, binding->values[0].node());
      for (const auto& a : call->args)
        if (a) reader_.insert_or_assign(a.node(), call);
    }
  }

  // Those around this depthwise convolution.
  void find(const OpCall& depthwise, std::vector<Chain>& out) const {
    if (!is_depthwise(depthwise) || !result_of_.contains(&depthwise)) return;
    const OpCall *first = before(depthwise), *last = behind(depthwise);
    for (const OpCall* expand : {first, static_cast<const OpCall*>(nullptr)})
      for (const OpCall* project : {last, static_cast<const OpCall*>(nullptr)}) {
        if (!expand && (!project || !has_borders(depthwise))) continue;
        auto problem = problem_of(depthwise, expand, project);
        StripChoice choice = problem ? choose_strips(target_, *problem) : StripChoice();
        if (!choice.wins) continue;
        Chain chain{{&depthwise}, choice.saved_seconds};
        if (expand) chain.members.insert(chain.members.begin(), expand);
        if (project) chain.members.push_back(project);
        out.push_back(std::move(chain));
      }
  }

private:
  bool has_borders(const OpCall& depthwise) const {
    return !has_pads(depthwise) || (borders_ == Borders::to_come && uses_.can_lie_inside(depthwise.args[0].node()));
  }
  bool passes_on(const Node* value) const { return uses_.readers(value) == 1 && !uses_.is_bound(value); }

  const OpCall* before(const OpCall& depthwise) const {
    for (const Node* value = depthwise.args[0].node(); value && passes_on(value);) {
      const OpCall* call = uses_.producer(value);
      if (!call || !same_shape(shape_of_operand(value), shape_of_operand(depthwise.args[0]))) return nullptr;
      if (is_pointwise(*call)) return call;
      value = changed_argument(*call);
    }
    return nullptr;
  }
  const OpCall* behind(const OpCall& depthwise) const {
    const Node* value = result_of_.at(&depthwise);
    while (passes_on(value)) {
      const OpCall* call = reader_.at(value);
      if (!result_of_.contains(call)) return nullptr;
      if (is_pointwise(*call)) return call->args[0].node() == value ? call : nullptr;
      if (changed_argument(*call) != value || !same_shape(shape_of_operand(result_of_.at(call)), shape_of_operand(value))) return nullptr;
      value = result_of_.at(call);
    }
    return nullptr;
  }

  // Between the first convolution and the depthwise one.
  int64_t functions_between(const OpCall* first, const OpCall& depthwise) const {
    int64_t count = 0;
    for (const Node* value = depthwise.args[0].node(); first && uses_.producer(value) != first;) {
      const OpCall* call = uses_.producer(value);
      count += functions_of(*call, value);
      value = changed_argument(*call);
    }
    return count;
  }

  std::optional<StripProblem> problem_of(const OpCall& depthwise, const OpCall* first, const OpCall* last) const {
    auto in = image_of(depthwise.args[0].node()), out = image_of(result_of_.at(&depthwise));
    auto taps = static_shape(shape_of_operand(depthwise.args[1]));
    if (!in || !out || !taps) return {};
    auto step = [&](const char* name) {
      const auto& list = attribute<List<int64_t>>(depthwise, name);
      return list.empty() ? 1 : list[0];
    };
    auto channels_in = first ? as_int(shape_of_operand(first->args[0]).back()) : 0;
    auto channels_out = last ? as_int(shape_of_operand(last->args[1]).back()) : 0;
    if (!channels_in || !channels_out) return {};
    return StripProblem{.batch = in->batch,
                        .inputs = *channels_in,
                        .functions = functions_between(first, depthwise),
                        .height = in->height,
                        .width = in->width,
                        .channels = in->channels,
                        .window = ((*taps)[0] - 1) * step("dilations") + 1,
                        .stride = step("strides"),
                        .taps = (*taps)[0] * (*taps)[1],
                        .result_height = out->height,
                        .result_width = out->width,
                        .outputs = *channels_out,
                        .element_bytes = element_of(depthwise.args[0]).bytes()};
  }

  const Target& target_;
  Borders borders_;
  ValueUses uses_;
  std::unordered_map<const OpCall*, const Node*> result_of_;
  std::unordered_map<const Node*, const OpCall*> reader_;
};

} // namespace

// What saves most comes first; a convolution between two depthwise ones goes with one of them.
DepthwiseChains::DepthwiseChains(const Function& function, const Target& target, Borders borders) {
  Chains chains(function, target, borders);
  std::vector<Chain> found;
  for (const auto& binding : function.body->bindings)
    if (const auto* call = as<OpCall>(binding->operation)) chains.find(*call, found);
  std::ranges::stable_sort(found, std::greater(), &Chain::saved_seconds);
  std::unordered_set<const OpCall*> taken;
  for (const Chain& chain : found) {
    if (std::any_of(chain.members.begin(), chain.members.end(), [&](const OpCall* c) { return taken.contains(c); })) continue;
    taken.insert(chain.members.begin(), chain.members.end());
    follows_.insert(chain.members.begin() + 1, chain.members.end());
  }
}

} // namespace tw::passes
