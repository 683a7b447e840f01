// SPDX-License-Identifier: Apache-2.0
// Slices of slices, and slices of one tensor that are put together again in another order: two parts that change places are a roll; parts
// that take every n-th row and column, put behind each other, are a transpose of the rows and columns within a cell.
#include "passes/graph/simplify_graph/rules.h"

#include <algorithm>

namespace tw::passes {
namespace {

struct Part {
  int64_t begin, count, step;
};
using Parts = std::vector<Part>;

// What a slice takes along each dimension; empty if that is not constant, or goes backwards, or is nothing.
std::optional<Parts> parts_of(const OpCall& slice, const Shape& result) {
  auto from = static_shape(shape_of_operand(slice.args[0])), to = static_shape(result);
  if (!from || !to || std::find(to->begin(), to->end(), 0) != to->end()) return {};
  Parts parts;
  for (int64_t size : *from) parts.push_back({0, size, 1});
  const auto &axes = attribute<List<int64_t>>(slice, "axes"), &steps = attribute<List<int64_t>>(slice, "steps");
  Shape begins = sizes_attribute(slice, "begin");
  for (size_t k = 0; k < begins.size(); ++k) {
    auto d = static_cast<size_t>(axes.empty() ? static_cast<int64_t>(k) : normal_axis(axes[k], from->size()));
    auto begin = as_int(begins[k]);
    int64_t size = (*from)[d], step = steps.empty() ? 1 : steps[k];
    if (!begin || step < 1) return {};
    parts[d] = {std::clamp<int64_t>(*begin < 0 ? *begin + size : *begin, 0, size), (*to)[d], step};
  }
  return parts;
}

Ref<Operand> emit_slice(GraphRewriter& graph, const Ref<Operand>& x, const Parts& parts) {
  std::vector<int64_t> axes, begins, ends, steps;
  auto shape = *static_shape(shape_of_operand(x));
  for (size_t d = 0; d < parts.size(); ++d) {
    if (parts[d].count == shape[d]) continue;
    axes.push_back(static_cast<int64_t>(d));
    begins.push_back(parts[d].begin);
    ends.push_back(parts[d].begin + (parts[d].count - 1) * parts[d].step + 1);
    steps.push_back(parts[d].step);
  }
  bool stepped = std::any_of(steps.begin(), steps.end(), [](int64_t s) { return s != 1; });
  return graph.call("slice", {x},
                    attributes("slice", {{"axes", List<int64_t>(axes)},
                                         {"begin", List<int64_t>(begins)},
                                         {"end", List<int64_t>(ends)},
                                         {"steps", stepped ? List<int64_t>(steps) : List<int64_t>()}}));
}

Replacement slice_of_slice(GraphRewriter& graph, const OpCall& call) {
  const OpCall* inner = graph.producer(call.args[0], "slice");
  if (!inner) return {};
  auto outer_parts = parts_of(call, shape_of_operand(graph.binding().values[0])), parts = parts_of(*inner, shape_of_operand(call.args[0]));
  if (!outer_parts || !parts) return {};
  for (size_t d = 0; d < parts->size(); ++d) {
    const Part& outer = (*outer_parts)[d];
    Part& part = (*parts)[d];
    part = {part.begin + outer.begin * part.step, outer.count, part.step * outer.step};
  }
  return Operands{emit_slice(graph, argument(*inner, 0), *parts)};
}

// The parts of one tensor that a concat puts together; empty if they are not slices of one.
std::vector<Parts> parts_of_concat(const GraphRewriter& graph, const OpCall& call, Opt<Operand>& x) {
  std::vector<Parts> all;
  for (const auto& arg : call.args) {
    const OpCall* slice = graph.producer(arg, "slice");
    if (!slice || (x && !slice->args[0].same_as(x))) return {};
    x = slice->args[0];
    auto parts = parts_of(*slice, shape_of_operand(arg));
    if (!parts) return {};
    all.push_back(std::move(*parts));
  }
  return all;
}

// Along the last dimension vectors would be torn: there it stays two copies.
Replacement as_roll(GraphRewriter& graph, const Ref<Operand>& x, const std::vector<Parts>& parts, size_t axis) {
  auto shape = *static_shape(shape_of_operand(x));
  if (parts.size() != 2 || axis + 1 == shape.size()) return {};
  for (size_t d = 0; d < shape.size(); ++d)
    for (const Parts& p : parts)
      if (d != axis && p[d].count != shape[d]) return {};
  const Part &last = parts[0][axis], &first = parts[1][axis];
  if (first.begin != 0 || first.step != 1 || last.step != 1 || last.begin != first.count || last.begin + last.count != shape[axis])
    return {};
  return Operands{graph.call(
      "roll", {x}, attributes("roll", {{"shifts", List<int64_t>{-first.count}}, {"axes", List<int64_t>{static_cast<int64_t>(axis)}}}))};
}

// Dimension d cut into cells of `step`; the k-th part of the concat takes element (k / weight) % step of each.
struct Cell {
  size_t dimension;
  int64_t step, weight;
};

// Empty if the parts are not, in order, all combinations of elements within the cells.
std::vector<Cell> cells_of(const std::vector<Parts>& parts, const std::vector<int64_t>& shape) {
  std::vector<Cell> cells;
  int64_t combinations = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t step = parts[0][d].step;
    if (parts[0][d].count == shape[d]) continue;
    if (step < 2 || shape[d] % step) return {};
    auto first = std::find_if(parts.begin(), parts.end(), [&](const Parts& p) { return p[d].begin == 1; });
    cells.push_back({d, step, first - parts.begin()});
    combinations *= step;
  }
  std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return a.weight > b.weight; });
  if (combinations != static_cast<int64_t>(parts.size())) return {};
  int64_t weight = 1;
  for (size_t i = cells.size(); i-- > 0; weight *= cells[i].step)
    if (cells[i].weight != weight) return {};
  for (size_t k = 0; k < parts.size(); ++k) {
    for (const Cell& cell : cells) {
      const Part& part = parts[k][cell.dimension];
      int64_t within = static_cast<int64_t>(k) / cell.weight % cell.step;
      if (part.step != cell.step || part.begin != within || part.count * cell.step != shape[cell.dimension]) return {};
    }
    for (size_t d = 0; d < shape.size(); ++d)
      if (parts[k][d].count != shape[d] && std::none_of(cells.begin(), cells.end(), [&](const Cell& c) { return c.dimension == d; }))
        return {};
  }
  return cells;
}

Replacement as_transpose(GraphRewriter& graph, const Ref<Operand>& x, const std::vector<Parts>& parts, size_t axis) {
  auto shape = *static_shape(shape_of_operand(x));
  std::vector<Cell> cells = cells_of(parts, shape);
  if (cells.empty()) return {};
  std::vector<int64_t> cut, place(shape.size()), order;
  for (size_t d = 0; d < shape.size(); ++d) {
    place[d] = static_cast<int64_t>(cut.size());
    auto cell = std::find_if(cells.begin(), cells.end(), [&](const Cell& c) { return c.dimension == d; });
    cut.push_back(cell == cells.end() ? shape[d] : shape[d] / cell->step);
    if (cell != cells.end()) cut.push_back(cell->step);
  }
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d == axis)
      for (const Cell& cell : cells) order.push_back(place[cell.dimension] + 1);
    order.push_back(place[d]);
  }
  Ref<Operand> moved = reshaped(graph, x, shape_of(std::span<const int64_t>(cut)));
  moved = graph.call("transpose", {moved}, attributes("transpose", {{"axes", List<int64_t>(order)}}));
  return Operands{reshaped(graph, moved, shape_of_operand(graph.binding().values[0]))};
}

Replacement concat_of_slices(GraphRewriter& graph, const OpCall& call) {
  Opt<Operand> x;
  std::vector<Parts> parts = parts_of_concat(graph, call, x);
  if (parts.size() < 2) return {};
  auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), shape_of_operand(x).size()));
  if (Replacement roll = as_roll(graph, as_ref<Operand>(x), parts, axis)) return roll;
  return as_transpose(graph, as_ref<Operand>(x), parts, axis);
}

constexpr GraphRule rules[] = {
    {"slice", "slices merge", slice_of_slice},
    {"concat", "concat of one tensor's slices: a roll, or a transpose within cells", concat_of_slices},
};

} // namespace

std::span<const GraphRule> slice_rules() { return rules; }

} // namespace tw::passes
