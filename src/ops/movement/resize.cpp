// SPDX-License-Identifier: Apache-2.0
// Resampling. Per resized axis, small tables say for each place of the result which places of x it is made of and how much each counts;
// the result is then a sum of products of table entries and elements. Nearest with a whole factor needs no table: it is a plain quotient.
// Along the last axis elements are gathered, along the others whole rows are read: where both are resized, the others come first.
#include "ops/elementwise.h"
#include "ops/loops.h"
#include "ops/sizes.h"

#include <cmath>

namespace tw::ops {
namespace {

struct Resize {
  List<Ref<Expr>> sizes;
  List<double> scales;
  Name mode = "nearest", coordinates = "half_pixel", rounding = "round_prefer_floor";
  double cubic_coefficient = -0.75, extrapolation_value = 0;
  bool exclude_outside = false, antialias = false;
  List<double> region;
  static constexpr auto fields = std::tuple{field("sizes", &Resize::sizes),
                                            field("scales", &Resize::scales),
                                            field("mode", &Resize::mode),
                                            field("coordinates", &Resize::coordinates),
                                            field("rounding", &Resize::rounding),
                                            field("cubic_coefficient", &Resize::cubic_coefficient),
                                            field("extrapolation_value", &Resize::extrapolation_value),
                                            field("exclude_outside", &Resize::exclude_outside),
                                            field("antialias", &Resize::antialias),
                                            field("region", &Resize::region)};
};

constexpr const char* coordinate_modes[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                            "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
constexpr const char* rounding_modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

template <size_t N> void check_word(const char* attribute, const Name& word, const char* const (&known)[N]) {
  for (const char* k : known)
    if (word == k) return;
  throw user_error("{} must be one of {}, found '{}'", attribute, fmt::join(known, ", "), word.str());
}

Types types(TypeContext& c) {
  auto a = c.attrs<Resize>();
  auto rank = static_cast<size_t>(c.rank(0));
  constexpr const char* modes[] = {"nearest", "linear", "cubic"};
  check_word("mode", a.mode, modes);
  check_word("coordinates", a.coordinates, coordinate_modes);
  check_word("rounding", a.rounding, rounding_modes);
  if (a.sizes.size() != rank) throw user_error("sizes must have {} entries, found {}", rank, a.sizes.size());
  if (!a.scales.empty() && a.scales.size() != rank) throw user_error("scales must have {} entries, found {}", rank, a.scales.size());
  for (double s : a.scales)
    if (!(s > 0) || std::isinf(s)) throw user_error("scales must be positive, found {}", s);
  bool crops = a.coordinates == "tf_crop_and_resize";
  if (crops ? a.region.size() != 2 * rank : !a.region.empty() && a.region.size() != 2 * rank)
    throw user_error("region must have {} entries (all begins, then all ends), found {}", 2 * rank, a.region.size());
  for (size_t d = 0; d < rank; ++d) {
    c.assume(a.sizes[d] >= imm(0), "sizes must not be negative");
    if (!surely_equal(a.sizes[d], c.shape(0)[d])) c.assume(c.shape(0)[d] > imm(0), "a dimension of size 0 cannot be resized");
  }
  return {tensor_type(a.sizes, c.element(0))};
}

// One axis: the place in x, as a real number, of a place of the result.
struct Axis {
  size_t dimension;
  E in, out;
  double scale = 0; // 0: out / in
  double begin = 0, end = 1;
  E scale_value() const { return scale > 0 ? literal(scale, f32) : cast(f32, out) / cast(f32, in); }
};

E source_place(const Resize& a, const Axis& axis, const E& i) {
  E x = cast(f32, i), half = literal(0.5, f32), one = literal(1, f32), scale = axis.scale_value();
  E in = cast(f32, axis.in), out = cast(f32, axis.out), single = axis.out > imm(1);
  // The denominator for results of more than one element; never 0, because both arms of a select are computed.
  E steps = cast(f32, max(axis.out - 1, imm(1)));
  if (a.coordinates == "asymmetric") return x / scale;
  if (a.coordinates == "tf_half_pixel_for_nn") return (x + half) / scale;
  if (a.coordinates == "align_corners") return select(single, x * (in - one) / steps, zero(f32));
  if (a.coordinates == "tf_crop_and_resize") {
    E begin = literal(axis.begin, f32), end = literal(axis.end, f32);
    E spread = begin * (in - one) + x * (end - begin) * (in - one) / steps;
    return select(single, spread, half * (begin + end) * (in - one));
  }
  E centre = (x + half) / scale - half;
  if (a.coordinates == "pytorch_half_pixel") return select(single, centre, zero(f32));
  if (a.coordinates == "half_pixel_symmetric") {
    // Keeps the middle where it is although out is not in * scale.
    E adjust = out / (scale * in), offset = in * half * (one - adjust);
    return offset + centre;
  }
  return centre;
}

E rounded(const Name& rounding, const E& place) {
  E half = literal(0.5, f32);
  if (rounding == "floor") return call("floor", {place});
  if (rounding == "ceil") return call("ceil", {place});
  if (rounding == "round_prefer_floor") return call("ceil", {place - half});
  return call("floor", {place + half});
}

// The whole factor by which nearest repeats elements, if that is exact.
std::optional<int64_t> repeats(const Resize& a, const Axis& axis) {
  auto in = as_int(axis.in), out = as_int(axis.out);
  std::optional<int64_t> factor;
  if (in && out && *in > 0 && *out % *in == 0) factor = *out / *in;
  if (!in || !out) {
    auto whole = static_cast<int64_t>(axis.scale);
    if (whole >= 1 && static_cast<double>(whole) == axis.scale && surely_equal(axis.in * whole, axis.out)) factor = whole;
  }
  if (!factor || (axis.scale > 0 && axis.scale != static_cast<double>(*factor))) return {};
  bool half = a.coordinates == "half_pixel" && a.rounding != "floor" && a.rounding != "ceil";
  bool left = a.coordinates == "asymmetric" && a.rounding == "floor";
  return half || left ? factor : std::nullopt;
}

// Weight of the tap at a distance (in places of x) from the wanted place.
E cubic_weight(double a, const E& distance) {
  E d = call("abs", {distance}), one = like(d, 1), A = like(d, a);
  E near = ((A + like(d, 2)) * d - (A + like(d, 3))) * d * d + one;
  E far = ((A * d - A * like(d, 5)) * d + A * like(d, 8)) * d - A * like(d, 4);
  return select(d <= one, near, select(d < like(d, 2), far, like(d, 0)));
}
E linear_weight(const E& distance) { return max(like(distance, 0), like(distance, 1) - call("abs", {distance})); }

// Tables of one axis: `place` [out, taps] into x, `weight` [out, taps].
struct Taps {
  size_t dimension;
  int64_t count;
  std::optional<int64_t> repeat;
  std::optional<Tensor> place, weight;
  Opt<Expr> outside(const Compute&) const { return {}; }
};

// A place as an index of x, or the border's. In 32 bits, since a gather takes twice as many of those at once.
E index_of(const E& place, const E& size) {
  E last = cast(i32, min(size - 1, imm(std::numeric_limits<int32_t>::max())));
  return cast(i64, max(imm(0, i32), min(place, last)));
}

Taps nearest_taps(Compute& c, const Resize& a, const Axis& axis) {
  Taps taps{axis.dimension, 1, repeats(a, axis), {}, {}};
  if (taps.repeat) return taps;
  taps.place = c.tensor(fmt::format("place{}", axis.dimension), {axis.out, imm(1)}, i64,
                        [&](Indices i) { return index_of(cast(i32, rounded(a.rounding, source_place(a, axis, i[0]))), axis.in); });
  return taps;
}

// With antialias the window widens with the shrinking factor, so that every element of x counts; its width must then be known.
double widening(const Resize& a, const Axis& axis) {
  if (!a.antialias) return 1;
  auto in = as_int(axis.in), out = as_int(axis.out);
  if (axis.scale <= 0 && (!in || !out)) throw unsupported("antialias needs constant sizes or scales");
  double scale = axis.scale > 0 ? axis.scale : static_cast<double>(*out) / static_cast<double>(*in);
  return std::max(1.0, 1 / scale);
}

Taps weighted_taps(Compute& c, const Resize& a, const Axis& axis) {
  bool cubic = a.mode == "cubic";
  double wide = widening(a, axis);
  auto reach = static_cast<int64_t>(std::ceil((cubic ? 2 : 1) * wide));
  Taps taps{axis.dimension, 2 * reach, {}, {}, {}};
  std::string suffix = std::to_string(axis.dimension);
  Shape shape{axis.out, imm(taps.count)};
  auto first = [&](const E& i) { return cast(i32, call("floor", {source_place(a, axis, i)})) - imm(reach - 1, i32); };
  taps.place = c.tensor("place" + suffix, shape, i64, [&](Indices i) { return index_of(first(i[0]) + cast(i32, i[1]), axis.in); });
  // Without exclude_outside, what lies outside counts as the element at the border.
  bool normalises = a.exclude_outside || a.antialias;
  Tensor raw = c.tensor("raw" + suffix, shape, f32, [&](Indices i) {
    E tap = first(i[0]) + cast(i32, i[1]), distance = (cast(f32, tap) - source_place(a, axis, i[0])) * literal(1 / wide, f32);
    E weight = cubic ? cubic_weight(a.cubic_coefficient, distance) : linear_weight(distance);
    return a.exclude_outside ? select(inside(cast(i64, tap), axis.in), weight, zero(f32)) : weight;
  });
  if (!normalises) {
    taps.weight = raw;
    return taps;
  }
  Tensor sum = c.reduce("sum" + suffix, {axis.out}, f32, Combine::add, shape_of({taps.count}), [&](Indices i, Indices r) {
    return raw({i[0], r[0]});
  });
  taps.weight = c.tensor("weight" + suffix, shape, f32, [&](Indices i) { return raw(i) / sum({i[0]}); });
  return taps;
}

std::vector<Axis> resized_axes(const Resize& a, const Tensor& x) {
  std::vector<Axis> axes;
  for (size_t d = 0; d < x.rank(); ++d) {
    double scale = a.scales.empty() ? 0 : a.scales[d];
    bool crops = a.coordinates == "tf_crop_and_resize" && (a.region[d] != 0 || a.region[x.rank() + d] != 1);
    if (surely_equal(a.sizes[d], x.size(d)) && (scale == 0 || scale == 1) && !crops) continue;
    Axis axis{d, x.size(d), a.sizes[d], scale};
    if (!a.region.empty()) axis.begin = a.region[d], axis.end = a.region[x.rank() + d];
    axes.push_back(std::move(axis));
  }
  return axes;
}

// Is the wanted place inside x on every axis? Only cropping can leave it.
E covered(const Resize& a, const std::vector<Axis>& axes, const Indices& i) {
  E valid = imm(1, boolean);
  if (a.coordinates != "tf_crop_and_resize") return valid;
  for (const auto& axis : axes) {
    E place = source_place(a, axis, i[axis.dimension]);
    valid = valid && place >= zero(f32) && place <= cast(f32, axis.in - 1);
  }
  return valid;
}

// Where along each resized axis a place of the result, and which of its taps, lies in x.
Indices source_of(const std::vector<Taps>& taps, Indices at, const Indices& tap) {
  for (size_t k = 0; k < taps.size(); ++k) {
    E& p = at[taps[k].dimension];
    p = taps[k].repeat ? floordiv(p, *taps[k].repeat) : (*taps[k].place)({p, tap[k]});
  }
  return at;
}

// The weighted sum over the taps of some axes. Few terms stand in one expression; many are a reduction, named after the result.
Compute::Map weighted_sum(Compute& c, const std::string& name, const Shape& shape, DType type, const std::vector<Taps>& taps,
                          const Compute::Map& x) {
  auto term = [taps, x, type](const Indices& i, const Indices& tap) {
    E value = cast(type, x(source_of(taps, i, tap)));
    for (size_t k = 0; k < taps.size(); ++k) value = value * cast(type, (*taps[k].weight)({i[taps[k].dimension], tap[k]}));
    return value;
  };
  int64_t points = 1;
  for (const auto& t : taps) points *= t.count;
  if (points > 16) {
    std::vector<Ref<Expr>> extents;
    for (const auto& t : taps) extents.push_back(imm(t.count));
    Tensor total = c.reduce(name, shape, type, Combine::add, Shape(extents), term);
    return [total](const Indices& i) { return total(i); };
  }
  return [taps, term, points](const Indices& i) {
    Opt<Expr> total;
    for (int64_t n = 0; n < points; ++n) {
      Indices tap;
      int64_t rest = n;
      for (const auto& t : taps) tap.push_back(imm(rest % t.count)), rest /= t.count;
      total = total ? as_ref<Expr>(total) + term(i, tap) : term(i, tap);
    }
    return as_ref<Expr>(total);
  };
}

// Whole rows first, then gathers along the last axis: fewer gathers, unless far fewer places are wanted than a row has.
bool rows_come_first(const Tensor& x, const std::vector<Axis>& axes) {
  if (axes.size() < 2 || axes.back().dimension + 1 != x.rank()) return false;
  auto in = as_int(axes.back().in), out = as_int(axes.back().out);
  return !in || !out || *in <= *out;
}

void compute(Compute& c) {
  auto a = c.attrs<Resize>();
  Tensor x = c.input(0);
  auto axes = resized_axes(a, x);
  std::vector<Taps> taps;
  for (const auto& axis : axes) taps.push_back(a.mode == "nearest" ? nearest_taps(c, a, axis) : weighted_taps(c, a, axis));
  auto finish = [&](const Indices& i, const E& value) {
    return cast(x.element(), select(covered(a, axes, i), value, literal(a.extrapolation_value, value->dtype)));
  };
  if (a.mode == "nearest") return c.output(0, [&](Indices i) { return finish(i, x(source_of(taps, i, Indices(taps.size(), imm(0))))); });

  DType type = x.element() == f64 ? f64 : f32;
  Compute::Map source = [&](const Indices& i) { return x(i); };
  Shape shape = c.output(0).shape();
  if (rows_come_first(x, axes)) {
    std::vector<Ref<Expr>> sizes = shape.vector();
    sizes.back() = axes.back().in;
    auto sum = weighted_sum(c, "row_total", Shape(sizes), type, {taps.begin(), taps.end() - 1}, source);
    c.hint("stored", 1);
    Tensor rows = c.tensor("rows", Shape(sizes), type, sum);
    source = [rows](const Indices& i) { return rows(i); };
    taps.erase(taps.begin(), taps.end() - 1);
  }
  auto sum = weighted_sum(c, "total", shape, type, taps, source);
  c.output(0, [&](Indices i) { return finish(i, x.element().is_int() ? call("round", {sum(i)}) : sum(i)); });
}

} // namespace

extern const OpDef resize = define<Resize>(
    {.doc =
         "x resampled to `sizes` (a size for each dimension) by nearest, linear or cubic interpolation. `scales` (default sizes / x's) and "
         "`coordinates` say where a place of the result lies in x, `rounding` what nearest means; with tf_crop_and_resize `region` (all "
         "begins, all ends, in units of x's extent) is what is seen, and extrapolation_value what lies outside",
     .inputs = std::vector<std::string>{"x: number"},
     .type = TypeRule(types),
     .fusion = Fusion::injective,
     .compute = compute,
     .flops = [](TypeContext& c) { return element_count(c.attrs<Resize>().sizes) * (c.attrs<Resize>().mode == "cubic" ? 32 : 8); },
     .examples = {
         "resize([[1.0, 2.0]], sizes=[1, 4]) == [[1.0, 1.0, 2.0, 2.0]]",
         "resize([[1.0, 2.0]], sizes=[1, 4], mode=\"linear\") == [[1.0, 1.25, 1.75, 2.0]]",
         "resize([1.0, 2.0, 3.0], sizes=[5], mode=\"linear\", coordinates=\"align_corners\") == [1.0, 1.5, 2.0, 2.5, 3.0]",
         "resize([1.0, 2.0, 3.0, 4.0], sizes=[2], coordinates=\"asymmetric\", rounding=\"ceil\") == [1.0, 3.0]",
         "resize([1.0, 2.0, 3.0, 4.0], sizes=[8], mode=\"cubic\") == [0.89453125, 1.19140625, 1.66796875, 2.296875, 2.703125, 3.33203125, "
         "3.80859375, 4.10546875]",
         "resize([1.0, 2.0, 3.0, 4.0], sizes=[2], mode=\"linear\", antialias=true) == [1.625, 3.375]",
         "resize([1.0, 2.0], sizes=[3], coordinates=\"tf_crop_and_resize\", region=[0.0, 2.0], extrapolation_value=9.0) == [1.0, "
         "2.0, 9.0]"}});

} // namespace tw::ops
