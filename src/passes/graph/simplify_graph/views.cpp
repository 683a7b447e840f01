// SPDX-License-Identifier: Apache-2.0
// Chains of reshape, transpose, slice and constant gather as index arithmetic. A view is an offset into the chain's first tensor and, for
// each dimension, atoms of (extent, stride) from the outermost in. If each dimension of the first tensor is picked from by itself, in
// order, the chain is a slice (or a gather by constant indices) along each of these dimensions: a channel shuffle is one gather, and the
// half of it that a later gather takes is a slice with a step. Layouts follow slices; they do not follow reshapes and transposes.
#include "passes/graph/simplify_graph/rules.h"

#include <algorithm>

namespace tw::passes {
namespace {

constexpr int longest_chain = 8;

struct Atom {
  int64_t extent, stride;
};
struct View {
  int64_t offset = 0;
  std::vector<std::vector<Atom>> dimensions;
};

View dense_view(const std::vector<int64_t>& shape) {
  View view;
  std::vector<int64_t> strides = dense_strides(shape);
  for (size_t d = 0; d < shape.size(); ++d)
    view.dimensions.push_back(shape[d] == 1 ? std::vector<Atom>() : std::vector<Atom>{{shape[d], strides[d]}});
  return view;
}

// Atoms that continue each other become one.
std::vector<Atom> merged(const std::vector<Atom>& atoms) {
  std::vector<Atom> out;
  for (const Atom& atom : atoms) {
    if (atom.extent == 1) continue;
    if (!out.empty() && out.back().stride == atom.extent * atom.stride) out.back() = {out.back().extent * atom.extent, atom.stride};
    else out.push_back(atom);
  }
  return out;
}

bool reshape_view(View& view, const std::vector<int64_t>& shape) {
  std::vector<Atom> rest;
  for (const auto& dimension : view.dimensions) rest.insert(rest.end(), dimension.begin(), dimension.end());
  rest = merged(rest);
  std::reverse(rest.begin(), rest.end()); // the outermost last, to be taken off
  std::vector<std::vector<Atom>> dimensions;
  for (int64_t size : shape) {
    auto& atoms = dimensions.emplace_back();
    while (size > 1) {
      if (rest.empty()) return false;
      Atom atom = rest.back();
      rest.pop_back();
      if (size % atom.extent == 0) {
        atoms.push_back(atom);
        size /= atom.extent;
      } else if (atom.extent % size == 0) {
        int64_t inner = atom.extent / size;
        atoms.push_back({size, atom.stride * inner});
        rest.push_back({inner, atom.stride});
        size = 1;
      } else {
        return false;
      }
    }
  }
  view.dimensions = std::move(dimensions);
  return rest.empty();
}

bool slice_dimension(View& view, size_t d, int64_t begin, int64_t count, int64_t step) {
  std::vector<Atom> atoms = merged(view.dimensions[d]);
  if (atoms.empty()) return begin == 0 && count == 1;
  if (atoms.size() > 1) return false;
  view.offset += begin * atoms[0].stride;
  view.dimensions[d] = count == 1 ? std::vector<Atom>() : std::vector<Atom>{{count, atoms[0].stride * step}};
  return true;
}

bool slice_view(View& view, const OpCall& call, const std::vector<int64_t>& shape, const std::vector<int64_t>& result) {
  const auto &axes = attribute<List<int64_t>>(call, "axes"), &steps = attribute<List<int64_t>>(call, "steps");
  Shape begins = sizes_attribute(call, "begin");
  for (size_t k = 0; k < begins.size(); ++k) {
    auto d = static_cast<size_t>(axes.empty() ? static_cast<int64_t>(k) : normal_axis(axes[k], shape.size()));
    auto begin = as_int(begins[k]);
    int64_t step = steps.empty() ? 1 : steps[k];
    if (!begin || step < 1) return false;
    int64_t from = std::clamp<int64_t>(*begin < 0 ? *begin + shape[d] : *begin, 0, shape[d]);
    if (!slice_dimension(view, d, from, result[d], step)) return false;
  }
  return true;
}

// A list of indices as atoms: the longest evenly spaced run that all of the list consists of, then the runs' begins likewise.
std::vector<Atom> atoms_of(std::vector<int64_t> at) {
  std::vector<Atom> out;
  while (at.size() > 1) {
    int64_t step = at[1] - at[0];
    size_t run = at.size();
    auto fits = [&](size_t length) {
      if (at.size() % length) return false;
      for (size_t i = 0; i < at.size(); ++i)
        if (at[i] != at[i - i % length] + static_cast<int64_t>(i % length) * step) return false;
      return true;
    };
    while (run > 1 && !fits(run)) --run;
    if (run == 1 || step < 1) return {};
    out.insert(out.begin(), Atom{static_cast<int64_t>(run), step});
    std::vector<int64_t> begins;
    for (size_t i = 0; i < at.size(); i += run) begins.push_back(at[i]);
    at = std::move(begins);
  }
  return out;
}

bool gather_dimension(View& view, size_t d, std::vector<int64_t> at, int64_t size) {
  for (int64_t& i : at) i = std::clamp<int64_t>(i < 0 ? i + size : i, 0, size - 1);
  std::vector<Atom> atoms = merged(view.dimensions[d]), picked = atoms_of(at);
  if (atoms.size() != 1 || (picked.empty() && at.size() > 1)) return false;
  view.offset += at[0] * atoms[0].stride;
  for (Atom& atom : picked) atom.stride *= atoms[0].stride;
  view.dimensions[d] = std::move(picked);
  return true;
}

bool apply(View& view, const OpCall& call, const std::vector<int64_t>& result) {
  auto shape = static_shape(shape_of_operand(call.args[0]));
  if (call.op == "reshape") return reshape_view(view, result);
  if (call.op == "slice") return slice_view(view, call, *shape, result);
  if (call.op == "transpose") {
    std::vector<int64_t> order = normal_axes(attribute<List<int64_t>>(call, "axes"), shape->size());
    std::vector<std::vector<Atom>> dimensions;
    for (size_t d = 0; d < shape->size(); ++d)
      dimensions.push_back(view.dimensions[order.empty() ? shape->size() - 1 - d : static_cast<size_t>(order[d])]);
    view.dimensions = std::move(dimensions);
    return true;
  }
  auto indices = ops::TypeContext(call).constant_ints(1);
  size_t index_rank = tensor_of(call.args[1])->shape.size();
  if (!indices || indices->empty() || index_rank > 1) return false;
  auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), shape->size()));
  if (!gather_dimension(view, axis, *indices, (*shape)[axis])) return false;
  if (index_rank == 0) view.dimensions.erase(view.dimensions.begin() + static_cast<std::ptrdiff_t>(axis));
  return true;
}

// Positions along one dimension of the first tensor.
struct Picks {
  std::vector<int64_t> at;
  int64_t step() const { return at.size() > 1 ? at[1] - at[0] : 1; }
  bool regular() const {
    for (size_t i = 1; i < at.size(); ++i)
      if (at[i] - at[i - 1] != step()) return false;
    return step() > 0;
  }
  bool all(int64_t size) const { return static_cast<int64_t>(at.size()) == size && at[0] == 0 && regular() && (size == 1 || step() == 1); }
};

// For each dimension of `shape`, what the view picks; empty if it mixes dimensions or changes their order.
std::optional<std::vector<Picks>> picks_of(const View& view, const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides = dense_strides(shape);
  std::vector<Picks> picks;
  for (size_t d = 0; d < shape.size(); ++d) picks.push_back({{view.offset / strides[d] % shape[d]}});
  size_t current = 0;
  for (const auto& dimension : view.dimensions)
    for (const Atom& atom : dimension) {
      if (atom.extent == 1) continue;
      size_t d = 0;
      while (d < shape.size() && (shape[d] == 1 || atom.stride % strides[d] != 0 || atom.stride >= strides[d] * shape[d])) ++d;
      if (d == shape.size() || d < current) return {};
      current = d;
      std::vector<int64_t> next;
      for (int64_t outer : picks[d].at)
        for (int64_t i = 0; i < atom.extent; ++i) next.push_back(outer + i * (atom.stride / strides[d]));
      picks[d].at = std::move(next);
    }
  for (size_t d = 0; d < shape.size(); ++d)
    for (int64_t at : picks[d].at)
      if (at >= shape[d]) return {};
  return picks;
}

// Emits what the picks say; without gathers if these are not allowed.
Replacement emit_picks(GraphRewriter& graph, const Ref<Operand>& base, const std::vector<int64_t>& shape, const std::vector<Picks>& picks,
                       const std::vector<int64_t>& result, bool gathers_allowed) {
  std::vector<int64_t> axes, begins, ends, steps, gathered;
  for (size_t d = 0; d < shape.size(); ++d) {
    const Picks& pick = picks[d];
    if (pick.all(shape[d])) continue;
    if (!pick.regular()) {
      gathered.push_back(static_cast<int64_t>(d));
      continue;
    }
    axes.push_back(static_cast<int64_t>(d));
    begins.push_back(pick.at.front());
    ends.push_back(pick.at.back() + 1);
    steps.push_back(pick.step());
  }
  if (!gathered.empty() && !gathers_allowed) return {};
  Ref<Operand> out = base;
  for (int64_t d : gathered)
    out = graph.call("gather", {out, graph.ints(picks[static_cast<size_t>(d)].at)}, attributes("gather", {{"axis", d}}));
  bool stepped = std::any_of(steps.begin(), steps.end(), [](int64_t s) { return s != 1; });
  if (!axes.empty())
    out = graph.call("slice", {out},
                     attributes("slice", {{"axes", List<int64_t>(axes)},
                                          {"begin", List<int64_t>(begins)},
                                          {"end", List<int64_t>(ends)},
                                          {"steps", stepped ? List<int64_t>(steps) : List<int64_t>()}}));
  Shape wanted = shape_of(std::span<const int64_t>(result));
  if (!has_shape(out, wanted)) out = reshaped(graph, out, wanted);
  return Operands{out};
}

bool moves_elements(const OpCall& link) {
  return link.op == "transpose" || (link.op == "gather" && !tensor_of(link.args[1])->shape.empty());
}

} // namespace

Replacement simplify_view(GraphRewriter& graph, const OpCall& call) {
  std::vector<const OpCall*> chain;
  std::vector<std::vector<int64_t>> results;
  auto result = static_shape(shape_of_operand(graph.binding().values[0]));
  const OpCall* link = &call;
  while (link && result && chain.size() < longest_chain) {
    if (link->op != "reshape" && link->op != "transpose" && link->op != "slice" && !(link->op == "gather" && constant_of(link->args[1])))
      break;
    if (std::find(result->begin(), result->end(), 0) != result->end()) return {};
    chain.push_back(link);
    results.push_back(*result);
    result = static_shape(shape_of_operand(link->args[0]));
    link = graph.producer(link->args[0]);
  }
  // The longest chain that works counts; a shorter one may work where it does not. It must do away with something that moves elements.
  for (; chain.size() > 1; chain.pop_back()) {
    if (std::none_of(chain.begin(), chain.end(), [](const OpCall* c) { return moves_elements(*c); })) return {};
    Ref<Operand> base = argument(*chain.back(), 0);
    auto shape = static_shape(shape_of_operand(base));
    if (!shape || std::find(shape->begin(), shape->end(), 0) != shape->end()) continue;
    View view = dense_view(*shape);
    bool works = true;
    for (size_t k = chain.size(); k-- > 0 && works;) works = apply(view, *chain[k], results[k]);
    auto picks = works ? picks_of(view, *shape) : std::nullopt;
    if (!picks) continue;
    bool transposes = std::any_of(chain.begin(), chain.end(), [](const OpCall* c) { return c->op == "transpose"; });
    if (Replacement out = emit_picks(graph, base, *shape, *picks, results[0], transposes)) return out;
  }
  return {};
}

} // namespace tw::passes
