// SPDX-License-Identifier: Apache-2.0
#include "passes/graph/assign_layout/parts.h"

#include <algorithm>
#include <unordered_set>

namespace tw::passes::layout {

List<int64_t> to_last(size_t rank) {
  std::vector<int64_t> order = {0};
  for (size_t d = 2; d < rank; ++d) order.push_back(static_cast<int64_t>(d));
  order.push_back(1);
  return order;
}
List<int64_t> to_first(size_t rank) {
  std::vector<int64_t> order = {0, static_cast<int64_t>(rank) - 1};
  for (size_t d = 1; d + 1 < rank; ++d) order.push_back(static_cast<int64_t>(d));
  return order;
}
int64_t axis_in_last(int64_t axis, size_t rank) { return axis == 0 ? 0 : axis == 1 ? static_cast<int64_t>(rank) - 1 : axis - 1; }

size_t rank_of(const Node* operand) { return is_tensor(operand) ? shape_of_operand(operand).size() : 0; }

bool spatial_sizes_are_one(const Shape& shape) {
  if (shape.size() < 3) return false;
  return std::all_of(shape.begin() + 2, shape.end(), [](const auto& size) { return is_int(size, 1); });
}

namespace {

bool is_dimension_list(const OpCall& call, const char* name, size_t rank) {
  const Attr::Value& value = attribute_value(call, name);
  return std::visit(
      [&](const auto& v) {
        if constexpr (requires {
                        v.size();
                        v.empty();
                        v.begin();
                      })
          return v.empty() || v.size() == rank;
        else return false;
      },
      value);
}

// Operators with one entry for each dimension in these attributes.
const std::vector<const char*>* dimension_lists(Name op) {
  static const std::unordered_map<std::string, std::vector<const char*>> lists = {
      {"pad", {"begin", "end"}}, {"expand", {"shape"}}, {"tile", {"repeats"}}, {"resize", {"sizes", "scales"}}};
  auto found = lists.find(op.str());
  return found == lists.end() ? nullptr : &found->second;
}

Part with_followers(const OpCall& call, size_t rank, bool gives) {
  Part part{.kind = Kind::follows, .takes = true, .gives = gives};
  for (size_t i = 0; i < call.args.size(); ++i)
    if (call.args[i] && rank_of(call.args[i]) == rank) part.followers.push_back(i);
  return part;
}

Part part_of_twin(const OpCall& call, const List<Ref<Value>>& results) {
  size_t rank = rank_of(call.args[0]);
  // Indices of a pool count in the declared layout.
  if (attribute<bool>(call, "channels_last") || rank < 3 || results.size() != 1) return {};
  return {.kind = Kind::twin, .followers = {0}, .takes = true, .gives = true};
}

Part part_of_axis(const OpCall& call, const List<Ref<Value>>& results) {
  size_t rank = rank_of(call.args[0]);
  if (rank < 3 || (has_attribute(call, "block") && attribute<int64_t>(call, "block") != 0)) return {};
  if (rank_of(results[0]) == rank) return with_followers(call, rank, true);
  // A reduction that drops dimensions: what is left must stand in the same order either way.
  std::vector<bool> dropped(rank, false);
  if (has_attribute(call, "axes")) {
    const auto& axes = attribute<List<int64_t>>(call, "axes");
    for (int64_t d : normal_axes(axes, rank)) dropped[static_cast<size_t>(d)] = true;
    if (axes.empty()) dropped.assign(rank, true);
  } else {
    dropped[static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), rank))] = true;
  }
  std::vector<int64_t> kept;
  for (int64_t d : to_last(rank))
    if (!dropped[static_cast<size_t>(d)]) kept.push_back(d);
  return std::is_sorted(kept.begin(), kept.end()) ? with_followers(call, rank, false) : Part();
}

Part part_of_reshape(const OpCall& call, const List<Ref<Value>>& results) {
  Shape from = shape_of_operand(call.args[0]), to = shape_of_operand(results[0]);
  if (from.size() >= 3 && to.size() >= 3 && same_shape({from[0], from[1]}, {to[0], to[1]}))
    return {.kind = Kind::keeps_channels, .followers = {0}, .takes = true, .gives = true};
  bool any_in = spatial_sizes_are_one(from), any_out = spatial_sizes_are_one(to);
  if (any_in) return {.kind = Kind::reads_any, .followers = {0}, .takes = true};
  if (any_out) return {.kind = Kind::gives_any, .gives = true};
  if (from.size() >= 3 && to.size() == 2 && same_shape({from[0]}, {to[0]}) && static_shape(Shape(from.begin() + 1, from.end())))
    return {.kind = Kind::flattens, .followers = {0}, .takes = true};
  return {};
}

Part part_of_transpose(const OpCall& call) {
  size_t rank = rank_of(call.args[0]);
  if (rank < 3) return {};
  List<int64_t> order = normal_axes(attribute<List<int64_t>>(call, "axes"), rank);
  if (order == to_last(rank)) return {.kind = Kind::to_last, .followers = {0}, .takes = true};
  if (order == to_first(rank)) return {.kind = Kind::to_first, .gives = true};
  return {};
}

} // namespace

Part part_of(const OpCall& call, const List<Ref<Value>>& results) {
  if (call.args.empty() || !call.args[0] || results.empty() || !is_tensor(call.args[0].node())) return {};
  const ops::OpDef& op = ops::get(call.op);
  size_t rank = rank_of(results[0]);
  if (call.op == "reshape") return part_of_reshape(call, results);
  if (call.op == "transpose") return part_of_transpose(call);
  if (op.layout == ops::Layout::channels_last) return part_of_twin(call, results);
  if (op.layout == ops::Layout::axis) return part_of_axis(call, results);
  if (op.layout == ops::Layout::any_common) return rank < 3 ? Part() : with_followers(call, rank, true);
  if (call.op == "gather" && rank >= 3 && rank_of(call.args[0]) == rank && constant_of(call.args[1]))
    return {.kind = Kind::follows, .followers = {0}, .takes = true, .gives = true};
  if (const auto* lists = dimension_lists(call.op); lists && rank >= 3 && rank_of(call.args[0]) <= rank) {
    if (call.op == "resize" && (!attribute<List<double>>(call, "region").empty() || call.args.size() > 1)) return {};
    if (!std::all_of(lists->begin(), lists->end(), [&](const char* name) { return is_dimension_list(call, name, rank); })) return {};
    Part part{.kind = Kind::follows, .takes = true, .gives = true};
    if (rank_of(call.args[0]) == rank) part.followers = {0};
    return part;
  }
  return {};
}

std::vector<Ref<Attr>> attributes_in_last(const OpCall& call, size_t rank) {
  if (ops::get(call.op).layout == ops::Layout::channels_last) return with_attribute(call, "channels_last", true);
  OpCall changed(call);
  if (has_attribute(call, "axis"))
    changed.attrs = with_attribute(changed, "axis", axis_in_last(normal_axis(attribute<int64_t>(call, "axis"), rank), rank));
  if (has_attribute(call, "axes")) {
    std::vector<int64_t> axes = normal_axes(attribute<List<int64_t>>(call, "axes"), rank);
    if (axes.empty() && call.op == "slice")
      for (size_t d = 0; d < sizes_attribute(call, "begin").size(); ++d) axes.push_back(static_cast<int64_t>(d));
    for (int64_t& axis : axes) axis = axis_in_last(axis, rank);
    changed.attrs = with_attribute(changed, "axes", List<int64_t>(std::move(axes)));
  }
  if (const auto* lists = dimension_lists(call.op))
    for (const char* name : *lists) {
      if (const auto* factors = std::get_if<List<double>>(&attribute_value(call, name))) {
        if (!factors->empty()) changed.attrs = with_attribute(changed, name, List<double>(permuted_to_last(*factors)));
      } else if (Shape sizes = sizes_attribute(call, name); !sizes.empty()) {
        changed.attrs = with_attribute(changed, name, Shape(permuted_to_last(sizes)));
      }
    }
  return changed.attrs.vector();
}

std::vector<int64_t> weights_in_last(const OpCall& call, size_t rank) {
  static const std::unordered_set<std::string> convolutions = {"convolution", "convolution_integer", "convolution_pairs",
                                                               "convolution_transpose"};
  if (!convolutions.contains(call.op.str())) return {};
  // (O, I, k…) → (k…, I, O); transposed convolutions hold (I, O, k…) → (k…, I, O).
  std::vector<int64_t> order;
  for (size_t d = 2; d < rank; ++d) order.push_back(static_cast<int64_t>(d));
  bool transposed = call.op == "convolution_transpose";
  order.push_back(transposed ? 0 : 1);
  order.push_back(transposed ? 1 : 0);
  return order;
}

} // namespace tw::passes::layout
