// SPDX-License-Identifier: Apache-2.0
// Resize and its forerunner Upsample. The result's sizes are given, or follow from scales: floor(size * scale), for symbolic sizes too.
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

#include <cmath>
#include <numeric>

namespace tw::onnx {
namespace {

// One entry for each dimension of the input; sizes and scales of dimensions that the node does not name are the input's and 1.
struct Target {
  std::vector<Ref<Expr>> sizes;
  std::vector<double> scales; // empty: sizes / the input's
};

// p / q with the smallest q up to a bound that is this very float.
std::optional<std::pair<int64_t, int64_t>> as_ratio(double scale) {
  for (int64_t q = 1; q <= 1024; ++q) {
    double p = std::round(scale * static_cast<double>(q));
    if (p > 0 && p < 1e6 && static_cast<float>(p / static_cast<double>(q)) == static_cast<float>(scale))
      return std::pair(static_cast<int64_t>(p), q);
  }
  return {};
}

// floor(size * scale), where an operator computes it if no quotient of integers does.
Ref<Expr> scaled_size(NodeContext& c, const Ref<Expr>& size, double scale, int64_t axis) {
  if (!(scale > 0) || std::isinf(scale)) throw user_error("scales must be positive, found {}", scale);
  if (auto known = as_int(size)) {
    auto wide = static_cast<float>(*known) * static_cast<float>(scale);
    if (!(wide < 1e15f)) throw user_error("a scale of {} makes size {} too large", scale, *known);
    return imm(static_cast<int64_t>(wide));
  }
  if (auto ratio = as_ratio(scale)) return ops::simplified(floordiv(size * ratio->first, ratio->second));
  Ref<Operand> own = c.call("shape_of", {c.input(0)}, {{"begin", axis}, {"end", axis + 1}});
  Ref<Operand> product = c.call("mul", {c.cast(own, f32), c.scalar(scale, f32)});
  auto read = c.body.sizes(c.cast(c.call("floor", {product}), i64));
  if (!read) throw internal_error("a size of resize is not read");
  return read->elements[0];
}

std::vector<int64_t> axes_of(NodeContext& c, size_t given) {
  std::vector<int64_t> axes = c.attribute_ints("axes", {});
  if (!c.has_attribute("axes")) {
    axes.resize(static_cast<size_t>(c.rank(0)));
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (auto& a : axes) a = c.axis(a, c.rank(0), "axes");
  if (given != axes.size()) throw user_error("there must be a size or scale for each of {} axes, found {}", axes.size(), given);
  return axes;
}

Target by_scales(NodeContext& c, const std::vector<double>& scales) {
  Target out{c.shape(0).vector(), std::vector<double>(c.shape(0).size(), 1.0)};
  std::vector<int64_t> axes = axes_of(c, scales.size());
  for (size_t k = 0; k < axes.size(); ++k) {
    auto d = static_cast<size_t>(axes[k]);
    out.scales[d] = scales[k];
    out.sizes[d] = scales[k] == 1 ? out.sizes[d] : scaled_size(c, out.sizes[d], scales[k], axes[k]);
  }
  return out;
}

// One scale for all axes, so that no size becomes larger (or smaller) than what is asked for.
void keep_aspect(NodeContext& c, Target& target, const std::vector<int64_t>& axes, const std::string& policy) {
  constexpr size_t sizes_input = 3;
  if (policy != "not_larger" && policy != "not_smaller")
    throw user_error("attribute 'keep_aspect_ratio_policy' must be stretch, not_larger or not_smaller, found '{}'", policy);
  std::optional<float> scale;
  for (int64_t a : axes) {
    auto to = as_int(target.sizes[static_cast<size_t>(a)]), from = as_int(c.shape(0)[static_cast<size_t>(a)]);
    if (!to || !from || *from == 0)
      c.not_known(sizes_input, fmt::format("keep_aspect_ratio_policy '{}' needs sizes that are known when the model is compiled", policy));
    float own = static_cast<float>(*to) / static_cast<float>(*from);
    scale = !scale ? own : policy == "not_larger" ? std::min(*scale, own) : std::max(*scale, own);
  }
  target.scales.assign(target.sizes.size(), 1.0);
  for (int64_t a : axes) {
    auto d = static_cast<size_t>(a);
    target.sizes[d] = imm(static_cast<int64_t>(std::floor(*scale * static_cast<float>(*as_int(c.shape(0)[d])) + 0.5f)));
    target.scales[d] = *scale;
  }
}

Target by_sizes(NodeContext& c, const std::vector<Ref<Expr>>& sizes) {
  Target out{c.shape(0).vector(), {}};
  std::vector<int64_t> axes = axes_of(c, sizes.size());
  for (size_t k = 0; k < axes.size(); ++k) out.sizes[static_cast<size_t>(axes[k])] = sizes[k];
  std::string policy = c.attribute_string("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch") keep_aspect(c, out, axes, policy);
  return out;
}

NodeContext::Attributes attributes_of(const Target& target, const std::string& mode) {
  std::string kind = mode == "bilinear" ? "linear" : mode;
  return {{"sizes", List<Ref<Expr>>(target.sizes)}, {"scales", List<double>(target.scales)}, {"mode", Name(kind)}};
}

// The old semantics: a place of the result divided by the scale.
Results upsample_by(NodeContext& c, const Target& target) {
  auto attributes = attributes_of(target, c.attribute_string("mode", "nearest"));
  attributes.emplace_back("coordinates", Name("asymmetric"));
  attributes.emplace_back("rounding", Name("floor"));
  return {c.call("resize", {c.input(0)}, attributes)};
}

Results upsample(NodeContext& c) {
  if (c.opset() < 9) {
    std::vector<float> scales = attribute_floats(c.node, "scales");
    return upsample_by(c, by_scales(c, std::vector<double>(scales.begin(), scales.end())));
  }
  return upsample_by(c, by_scales(c, c.known_floats(1, "scales")));
}

List<double> region_of(NodeContext& c) {
  std::vector<double> given = c.known_floats(1, "roi");
  std::vector<int64_t> axes = axes_of(c, given.size() / 2);
  auto rank = static_cast<size_t>(c.rank(0));
  std::vector<double> region(rank, 0.0);
  region.resize(2 * rank, 1.0);
  for (size_t k = 0; k < axes.size(); ++k) {
    region[static_cast<size_t>(axes[k])] = given[k];
    region[rank + static_cast<size_t>(axes[k])] = given[axes.size() + k];
  }
  return region;
}

// An input may be there without elements: that is as if it was not there.
bool given(NodeContext& c, size_t i) {
  if (!c.has(i)) return false;
  Shape shape = c.shape(i);
  return shape.size() != 1 || !is_int(shape[0], 0);
}

Results resize(NodeContext& c) {
  if (c.opset() < 11) return upsample(c);
  if (given(c, 2) && given(c, 3)) throw user_error("scales and sizes must not both be given");
  if (!given(c, 2) && !given(c, 3)) throw user_error("scales or sizes must be given");
  Target target = given(c, 3) ? by_sizes(c, c.sizes(3, "sizes")) : by_scales(c, c.known_floats(2, "scales"));
  for (const auto& size : target.sizes)
    if (given(c, 3) && c.attribute_bool("antialias", false) && !as_int(size) && !c.maybe_ints(3))
      c.not_known(3, "antialias needs sizes that are known when the model is compiled");
  auto attributes = attributes_of(target, c.attribute_string("mode", "nearest"));
  std::string coordinates = c.attribute_string("coordinate_transformation_mode", "half_pixel");
  attributes.emplace_back("coordinates", Name(coordinates));
  attributes.emplace_back("rounding", Name(c.attribute_string("nearest_mode", "round_prefer_floor")));
  attributes.emplace_back("cubic_coefficient", c.attribute_float("cubic_coeff_a", -0.75f));
  attributes.emplace_back("extrapolation_value", c.attribute_float("extrapolation_value", 0));
  attributes.emplace_back("exclude_outside", c.attribute_bool("exclude_outside", false));
  attributes.emplace_back("antialias", c.attribute_bool("antialias", false));
  if (coordinates == "tf_crop_and_resize") attributes.emplace_back("region", region_of(c));
  return {c.call("resize", {c.input(0)}, attributes)};
}

constexpr OperatorRow rows[] = {
    {"Resize", resize},
    {"Upsample", upsample},
};

} // namespace

OperatorTable resize_operators() { return {"", rows}; }

} // namespace tw::onnx
