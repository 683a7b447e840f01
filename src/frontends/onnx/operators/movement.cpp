// SPDX-License-Identifier: Apache-2.0
// Operators that move elements without changing them. The work is in the sizes: where the model computes a target shape, an offset or a
// count with other operators, it is followed symbolically.
#include "frontends/onnx/graph_importer.h"
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

#include <algorithm>
#include <numeric>

namespace tw::onnx {
namespace {

using Sizes = std::vector<Ref<Expr>>;

// total / known, with equal factors of both struck out first: n*4*s / (n*s) is 4.
Ref<Expr> remaining(Sizes factors, Sizes known) {
  std::erase_if(known, [&](const Ref<Expr>& k) {
    auto found = std::find_if(factors.begin(), factors.end(), [&](const Ref<Expr>& f) { return ops::surely_equal(f, k); });
    if (found == factors.end()) return false;
    factors.erase(found);
    return true;
  });
  return ops::simplified(floordiv(element_count(Shape(factors)), ops::simplified(element_count(Shape(known)))));
}

// 0 keeps the input's size (unless allowzero), one -1 takes what the others leave.
Sizes resolve_shape(const Shape& from, Sizes to, bool allow_zero) {
  Sizes known;
  std::optional<size_t> open;
  for (size_t d = 0; d < to.size(); ++d) {
    auto size = as_int(to[d]);
    if (size && *size == 0 && !allow_zero) {
      if (d >= from.size()) throw user_error("size 0 in dimension {} keeps the input's size, but the input has rank {}", d, from.size());
      to[d] = from[d];
    }
    if (size && *size < -1) throw user_error("sizes must be -1, 0 or positive, found {} in dimension {}", *size, d);
    if (size && *size == -1) {
      if (open) throw user_error("at most one size may be -1, found dimensions {} and {}", *open, d);
      open = d;
    } else {
      known.push_back(to[d]);
    }
  }
  if (open) {
    if (std::any_of(known.begin(), known.end(), [](const auto& k) { return is_int(k, 0); }))
      throw user_error("a size of -1 beside a size of 0 has no value");
    to[*open] = remaining(from.vector(), known);
  }
  return to;
}

bool is_read(const NodeContext& c, const Ref<Expr>& size) {
  const auto& own = c.body.dims();
  return std::any_of(own.begin(), own.end(), [&](const auto& v) { return v.same_as(size); });
}

// Sizes that are read at run time, where the model declares what they are.
Sizes sharpened(NodeContext& c, Sizes sizes) {
  const ValueType* declared = c.importer.declared_output(c.node, 0);
  if (!declared || !declared->shape || declared->shape->size() != sizes.size()) return sizes;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const auto& stated = (*declared->shape)[d].size;
    if (stated && is_read(c, sizes[d])) sizes[d] = imm(*stated);
  }
  return sizes;
}

// What is read may be 0 or -1 too: then the meaning of these is computed at run time, and its result read.
Sizes resolve_at_run_time(NodeContext& c, Sizes sizes, bool allow_zero) {
  auto number = [&](int64_t value) { return c.scalar(static_cast<double>(value), i64); };
  auto count = static_cast<int64_t>(sizes.size());
  Ref<Operand> wanted = c.cast(c.input(1), i64);
  if (!allow_zero) {
    Ref<Operand> own = c.call("shape_of", {c.input(0)}, {{"end", std::min(count, c.rank(0))}});
    if (count > c.rank(0))
      own = c.call("pad", {own}, {{"begin", List<Ref<Expr>>{imm(0)}}, {"end", List<Ref<Expr>>{imm(count - c.rank(0))}}});
    wanted = c.call("where", {c.call("equal", {wanted, number(0)}), own, wanted});
  }
  Ref<Operand> open = c.call("equal", {wanted, number(-1)});
  Ref<Operand> others = c.call("reduce_prod", {c.call("where", {open, number(1), wanted})});
  Ref<Operand> resolved = c.call("where", {open, c.call("div", {c.call("size_of", {c.input(0)}), others}), wanted});
  auto read = c.body.read(resolved, 0);
  for (size_t d = 0; d < sizes.size(); ++d) {
    auto known = as_int(sizes[d]);
    if (is_read(c, sizes[d]) || (known && (*known == -1 || (*known == 0 && !allow_zero)))) sizes[d] = read[d];
  }
  return sizes;
}

Results reshape(NodeContext& c) {
  bool allow_zero = c.opset() >= 14 && c.attribute_bool("allowzero", false);
  Sizes sizes = sharpened(c, c.sizes(1, "shape", -1));
  if (std::any_of(sizes.begin(), sizes.end(), [&](const auto& s) { return is_read(c, s); }))
    sizes = resolve_at_run_time(c, sizes, allow_zero);
  return {c.reshape(c.input(0), resolve_shape(c.shape(0), sizes, allow_zero))};
}

Results flatten(NodeContext& c) { return {c.call("flatten", {c.input(0)}, {{"axis", c.attribute_int("axis", 1)}})}; }

Results squeeze(NodeContext& c) {
  auto axes = c.axes(1, 13, c.rank(0));
  if (!axes) {
    axes.emplace();
    for (int64_t d = 0; d < c.rank(0); ++d)
      if (is_int(c.shape(0)[static_cast<size_t>(d)], 1)) axes->push_back(d);
  }
  return {c.squeeze(c.input(0), *axes)};
}

Results unsqueeze(NodeContext& c) {
  size_t count = c.opset() < 13 ? attribute_ints(c.node, "axes").size() : c.known_ints(1, "axes").size();
  auto axes = c.axes(1, 13, c.rank(0) + static_cast<int64_t>(count));
  if (!axes) throw user_error("input 1 ('axes') is missing");
  return {c.unsqueeze(c.input(0), *axes)};
}

Results transpose(NodeContext& c) {
  std::vector<int64_t> axes = c.attribute_ints("perm", {});
  if (!c.has_attribute("perm"))
    for (int64_t d = c.rank(0); d-- > 0;) axes.push_back(d);
  if (static_cast<int64_t>(axes.size()) != c.rank(0))
    throw user_error("attribute 'perm' must have {} values, as the input has dimensions, found {}", c.rank(0), axes.size());
  for (auto& a : axes) a = c.axis(a, c.rank(0), "perm");
  return {c.transpose(c.input(0), axes)};
}

// A wanted size that only the run knows is 1 or x's own where that is fixed and greater than 1.
Results expand(NodeContext& c) {
  Sizes wanted = sharpened(c, c.sizes(1, "shape"));
  Shape own = c.shape(0);
  for (size_t k = 1; k <= std::min(wanted.size(), own.size()); ++k) {
    Ref<Expr>& size = wanted[wanted.size() - k];
    auto fixed = as_int(own[own.size() - k]);
    if (!fixed || *fixed < 2 || as_int(size)) continue;
    c.body.assume(eq(size, imm(1)) || eq(size, imm(*fixed)),
                  fmt::format("input 1 ('shape') must have 1 or {} where x has {}", *fixed, *fixed));
    size = imm(*fixed);
  }
  return {c.call("expand", {c.input(0)}, {{"shape", List<Ref<Expr>>(wanted)}})};
}

Results concat(NodeContext& c) {
  int64_t axis = attribute_int(c.node, "axis");
  auto inputs = c.all_inputs();
  axis = c.axis(axis, c.rank(0));
  if (inputs.size() == 1) return {c.input(0)};
  return {c.call("concat", inputs, {{"axis", axis}})};
}

// Until opset 9 the positions are attributes.
Results slice(NodeContext& c) {
  int64_t rank = c.rank(0);
  Sizes begin, end;
  std::vector<int64_t> axes, steps;
  if (c.opset() < 10) {
    for (int64_t v : attribute_ints(c.node, "starts")) begin.push_back(imm(v));
    for (int64_t v : attribute_ints(c.node, "ends")) end.push_back(imm(v));
    axes = c.attribute_ints("axes", {});
  } else {
    begin = c.offsets(1, "starts");
    end = c.offsets(2, "ends");
    if (c.has(3)) axes = c.known_ints(3, "axes");
    if (c.has(4)) steps = c.known_ints(4, "steps");
  }
  if (axes.empty()) {
    axes.resize(begin.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (auto& a : axes) a = c.axis(a, rank, "axes");
  if (begin.size() != end.size() || begin.size() != axes.size())
    throw user_error("starts, ends and axes must have as many values, found {}, {} and {}", begin.size(), end.size(), axes.size());
  std::vector<int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) throw user_error("axes must be distinct");
  if (std::all_of(steps.begin(), steps.end(), [](int64_t s) { return s == 1; })) steps.clear();
  if (begin.empty()) return {c.input(0)};
  return {c.call(
      "slice", {c.input(0)},
      {{"axes", List<int64_t>(axes)}, {"begin", List<Ref<Expr>>(begin)}, {"end", List<Ref<Expr>>(end)}, {"steps", List<int64_t>(steps)}})};
}

// What is added before and behind each dimension, from `pads`, which has both for each of `axes`; these may be known only to the run.
std::pair<Sizes, Sizes> borders(NodeContext& c, const Sizes& pads, const Sizes& axes) {
  if (pads.size() != 2 * axes.size())
    throw user_error("pads must have {} values, two for each axis, found {}", 2 * axes.size(), pads.size());
  const int64_t rank = c.rank(0);
  Sizes begin(static_cast<size_t>(rank), imm(0)), end = begin;
  for (size_t k = 0; k < axes.size(); ++k) {
    const Ref<Expr>&before = pads[k], &behind = pads[axes.size() + k];
    if (auto known = as_int(axes[k])) {
      auto d = static_cast<size_t>(c.axis(*known, rank, "axes"));
      begin[d] = before;
      end[d] = behind;
      continue;
    }
    c.body.assume(axes[k] >= imm(-rank) && axes[k] < imm(rank), fmt::format("axes must be from {} to {}", -rank, rank - 1));
    for (int64_t d = 0; d < rank; ++d) {
      Ref<Expr> here = eq(axes[k], imm(d)) || eq(axes[k], imm(d - rank));
      auto at = static_cast<size_t>(d);
      begin[at] = select(here, before, begin[at]);
      end[at] = select(here, behind, end[at]);
    }
  }
  return {begin, end};
}

// Until opset 10 pads and value are attributes; from 18 pads may be for some axes only.
Results pad(NodeContext& c) {
  Sizes pads, axes;
  Opt<Operand> value;
  if (c.opset() < 11) {
    for (int64_t p : attribute_ints(c.node, "pads")) pads.push_back(imm(p));
    double fill = c.attribute_float("value", 0);
    if (fill != 0) value = c.scalar(fill, c.element(0));
  } else {
    pads = c.offsets(1, "pads");
    value = c.optional(2);
  }
  if (c.opset() >= 18 && c.has(3)) axes = c.offsets(3, "axes");
  else
    for (int64_t d = 0; d < c.rank(0); ++d) axes.push_back(imm(d));
  auto [begin, end] = borders(c, pads, axes);
  std::string mode = c.attribute_string("mode", "constant");
  if (mode != "constant") value = {};
  return {c.call("pad", {c.input(0), value}, {{"begin", List<Ref<Expr>>(begin)}, {"end", List<Ref<Expr>>(end)}, {"mode", Name(mode)}})};
}

// The parts are given, or there are as many equal ones as outputs; num_outputs (opset 18) makes the last one smaller.
Results split(NodeContext& c) {
  int64_t axis = c.axis(c.attribute_int("axis", 0), c.rank(0));
  Ref<Expr> size = c.shape(0)[static_cast<size_t>(axis)];
  auto outputs = static_cast<int64_t>(c.node.outputs.size());
  Sizes parts;
  if (c.opset() < 13 && c.has_attribute("split")) {
    for (int64_t p : c.attribute_ints("split", {})) parts.push_back(imm(p));
  } else if (c.opset() >= 13 && c.has(1)) {
    parts = c.sizes(1, "split");
  } else {
    int64_t count = c.opset() >= 18 ? c.attribute_int("num_outputs", outputs) : outputs;
    if (count < 1) throw user_error("attribute 'num_outputs' must be at least 1, found {}", count);
    if (count != outputs) throw user_error("attribute 'num_outputs' is {}, but the node has {} outputs", count, outputs);
    Ref<Expr> each = ops::simplified(c.opset() >= 18 ? ceildiv(size, imm(count)) : floordiv(size, count));
    parts.assign(static_cast<size_t>(count - 1), each);
    parts.push_back(c.opset() >= 18 ? ops::simplified(size - each * (count - 1)) : each);
  }
  if (static_cast<int64_t>(parts.size()) < outputs) throw user_error("the node has {} outputs, but {} parts", outputs, parts.size());
  return c.call_all("split", {c.input(0)}, {{"axis", axis}, {"sizes", List<Ref<Expr>>(parts)}});
}

Results tile(NodeContext& c) { return {c.call("tile", {c.input(0)}, {{"repeats", List<Ref<Expr>>(c.sizes(1, "repeats"))}})}; }

Results depth_to_space(NodeContext& c) {
  std::string mode = c.attribute_string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") throw user_error("attribute 'mode' must be DCR or CRD, found '{}'", mode);
  return {c.call("depth_to_space", {c.input(0)},
                 {{"block", onnx::attribute_int(c.node, "blocksize")}, {"order", Name(mode == "DCR" ? "dcr" : "crd")}})};
}
Results space_to_depth(NodeContext& c) {
  auto block = onnx::attribute_int(c.node, "blocksize");
  std::string mode = c.attribute_string("mode", "DCR");
  if (mode == "DCR") return {c.call("space_to_depth", {c.input(0)}, {{"block", block}})};
  if (mode != "CRD") throw user_error("attribute 'mode' must be DCR or CRD, found '{}'", mode);
  Shape s = c.shape(0);
  if (s.size() != 4) throw user_error("input 0 must have rank 4, found {}", s.size());
  if (block < 1) throw user_error("attribute 'blocksize' must be at least 1, found {}", block);
  Ref<Expr> height = ops::simplified(floordiv(s[2], block)), width = ops::simplified(floordiv(s[3], block));
  Ref<Operand> parts = c.reshape(c.input(0), {s[0], s[1], height, imm(block), width, imm(block)});
  return {c.reshape(c.transpose(parts, {0, 1, 3, 5, 2, 4}), {s[0], ops::simplified(s[1] * (block * block)), height, width})};
}

constexpr OperatorRow rows[] = {
    {"Concat", concat},
    {"DepthToSpace", depth_to_space},
    {"Expand", expand},
    {"Flatten", flatten},
    {"Pad", pad},
    {"Reshape", reshape},
    {"Slice", slice},
    {"SpaceToDepth", space_to_depth},
    {"Split", split},
    {"Squeeze", squeeze},
    {"Tile", tile},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
};

} // namespace

OperatorTable movement_operators() { return {"", rows}; }

} // namespace tw::onnx
