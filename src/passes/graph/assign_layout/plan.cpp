// SPDX-License-Identifier: Apache-2.0
// The cheapest assignment of layouts, exactly: a minimum cut between "channels first" and "channels last". A node is the side of a call
// that has a choice; separating a tensor's producer from a reader costs the bytes that a transpose reads and writes, once however many
// readers want it; a convolution that stays channels first costs more than any transposes, unless it has very few outputs.
#include "ir/visit.h"
#include "passes/graph/assign_layout/parts.h"
#include "passes/minimum_cut.h"

#include <algorithm>

namespace tw::passes::layout {
namespace {

constexpr int first = MinimumCut::first_side, last = MinimumCut::second_side;
constexpr int64_t usual_size = 32; // taken for a symbolic dimension

int64_t bytes_of(const Node* operand) {
  Ref<TensorType> type = tensor_of(operand);
  double bytes = type->element.bytes();
  for (const auto& size : type->shape) bytes *= static_cast<double>(std::max<int64_t>(1, as_int(size).value_or(usual_size)));
  return static_cast<int64_t>(std::min(bytes, 1e15));
}

class Planner {
public:
  Planner(const Body& body, const Target& target, Plan& plan) : body_(body), target_(target), plan_(plan) {}

  void run() {
    for (const auto& binding : body_.bindings) collect_readers(*binding.get());
    for (const auto& result : body_.results) reads(result.node(), first);
    for (const auto& binding : body_.bindings) add(*binding.get());
    for (const auto& [value, readers] : readers_) connect(value, readers);
    std::vector<bool> side = cut_.solve();
    for (const auto& [value, nodes] : nodes_)
      plan_[value] = {
          .part = nodes.part, .takes_last = side[static_cast<size_t>(nodes.takes)], .gives_last = side[static_cast<size_t>(nodes.gives)]};
  }

private:
  struct Nodes {
    Part part;
    int takes = first, gives = first;
  };

  void reads(const Node* operand, int node) {
    if (as<Value>(operand) && rank_of(operand) >= 3) readers_[operand].push_back(node);
  }
  // Who reads a value at all; for reshapes in front of products.
  void collect_readers(const Binding& binding) {
    if (const auto* call = as<OpCall>(binding.operation)) {
      for (const auto& arg : call->args)
        if (arg) calls_reading_[arg.node()].push_back(call);
      return;
    }
    visit(binding.operation, [&](const Value& value) { calls_reading_[&value].push_back(nullptr); });
  }
  // Is every reader a product by constant weights, and none the caller?
  bool only_products_read(const Node* value) const {
    for (const auto& result : body_.results)
      if (result.same_as(value)) return false;
    auto found = calls_reading_.find(value);
    if (found == calls_reading_.end()) return false;
    return std::all_of(found->second.begin(), found->second.end(), [&](const OpCall* call) {
      return call && call->op == "matmul" && call->args[0].same_as(value) && constant_of(call->args[1]) && rank_of(call->args[1]) == 2 &&
             !attribute<bool>(*call, "transpose_a") && !attribute<bool>(*call, "transpose_b");
    });
  }

  void add(const Binding& binding) {
    const auto* call = as<OpCall>(binding.operation);
    Part part = call ? part_of(*call, binding.values) : Part();
    if (part.kind == Kind::flattens && !only_products_read(binding.values[0].node())) part = {};
    if (!part.takes && !part.gives) {
      if (call)
        for (const auto& arg : call->args) reads(arg.node(), first);
      else
        visit(
            binding.operation, [&](const Value& value) { reads(&value, first); }, [](const TensorType&, Walk) {});
      return;
    }
    int choice = cut_.add_node();
    Nodes nodes{.part = part, .takes = part.takes ? choice : first, .gives = part.gives ? choice : first};
    nodes_.emplace(binding.values[0].node(), nodes);
    for (const auto& value : binding.values) gives_[value.node()] = nodes.gives;
    for (size_t i = 0; i < call->args.size(); ++i) {
      bool follows = std::find(part.followers.begin(), part.followers.end(), i) != part.followers.end();
      if (call->args[i]) reads(call->args[i].node(), follows ? nodes.takes : first);
    }
    int64_t moved = 2 * bytes_of(binding.values[0].node());
    // Pools and the like are vectorised over channels; staying first costs about one pass over the data.
    if (int64_t idle = part.kind == Kind::twin ? idle_lanes(*call, binding.values[0]) : 0; idle > 0) cut_.add_cost(first, choice, idle);
    else if (part.kind == Kind::twin)
      cut_.add_cost(choice, last, weights_in_last(*call, rank_of(call->args[0])).empty() ? moved / 2 : MinimumCut::never);
    if (part.kind == Kind::to_last || part.kind == Kind::to_first) cut_.add_cost(choice, last, moved);
  }

  // A convolution with fewer outputs than a vector has lanes has its vectors along places instead if it stays first: what the lanes without
  // an output cost otherwise, in bytes that could be moved in that time. 0: it cannot, or need not.
  int64_t idle_lanes(const OpCall& call, const Ref<Value>& result) const {
    if (call.op != "convolution" || attribute<int64_t>(call, "groups") != 1) return 0;
    Shape w = shape_of_operand(call.args[1]), y = shape_of_operand(result);
    const auto& strides = attribute<List<int64_t>>(call, "strides");
    auto outputs = as_int(w[0]), row = as_int(y.back());
    int64_t lanes = target_.lanes(element_of(result).bytes());
    if (!outputs || *outputs >= lanes || (!strides.empty() && strides[strides.size() - 1] != 1) || !row || *row < 2 * lanes) return 0;
    double products = static_cast<double>(bytes_of(result.node()) / *outputs / element_of(result).bytes()); // for one output and weight
    for (size_t d = 1; d < w.size(); ++d) products *= static_cast<double>(std::max<int64_t>(1, as_int(w[d]).value_or(usual_size)));
    constexpr double bytes_a_product = 3, loss_at_first = 1.5; // per vector; loads that cross lines, rows that end
    double idle = 1 - loss_at_first * static_cast<double>(*outputs) / static_cast<double>(lanes);
    return static_cast<int64_t>(std::clamp(products * bytes_a_product * idle, 0.0, 1e15));
  }

  void connect(const Node* value, const std::vector<int>& readers) {
    auto found = gives_.find(value);
    int producer = found == gives_.end() ? first : found->second;
    int64_t moved = 2 * bytes_of(value);
    // One transpose to channels last serves all readers that want it, and likewise back.
    int wanted_last = cut_.add_node(), wanted_first = cut_.add_node();
    cut_.add_cost(producer, wanted_last, moved);
    cut_.add_cost(wanted_first, producer, moved);
    for (int reader : readers) {
      cut_.add_cost(wanted_last, reader, MinimumCut::never);
      cut_.add_cost(reader, wanted_first, MinimumCut::never);
    }
  }

  const Body& body_;
  const Target& target_;
  Plan& plan_;
  MinimumCut cut_;
  std::unordered_map<const Node*, Nodes> nodes_;
  std::unordered_map<const Node*, int> gives_;
  std::map<const Node*, std::vector<int>> readers_;
  std::unordered_map<const Node*, std::vector<const OpCall*>> calls_reading_;
};

} // namespace

void plan_body(const Body& body, const Target& target, Plan& plan) {
  Planner(body, target, plan).run();
  for (const auto& binding : body.bindings)
    for_children(binding->operation.node(), [&](const Node* child) {
      if (const auto* inner = as<Body>(child)) plan_body(*inner, target, plan);
    });
}

} // namespace tw::passes::layout
