// SPDX-License-Identifier: Apache-2.0
#include "ir/intrinsics.h"

#include <cmath>

namespace tw {
namespace {

constexpr auto same = IntrinsicType::same_as_first;
constexpr auto pure = Effect::pure;
using Args = std::span<const double>;

double round_even(double x) { return std::nearbyint(x); }

// All lanewise on floats unless the row says otherwise.
const Intrinsic rows[] = {
    {"abs", 1, same, pure, "absolute value, also of integers", [](Args a) { return std::fabs(a[0]); }},
    {"acos", 1, same, pure, "inverse cosine", [](Args a) { return std::acos(a[0]); }},
    {"acosh", 1, same, pure, "inverse hyperbolic cosine", [](Args a) { return std::acosh(a[0]); }},
    {"asin", 1, same, pure, "inverse sine", [](Args a) { return std::asin(a[0]); }},
    {"asinh", 1, same, pure, "inverse hyperbolic sine", [](Args a) { return std::asinh(a[0]); }},
    {"atan", 1, same, pure, "inverse tangent", [](Args a) { return std::atan(a[0]); }},
    {"atan2", 2, same, pure, "angle of the point (second, first)", [](Args a) { return std::atan2(a[0], a[1]); }},
    {"atanh", 1, same, pure, "inverse hyperbolic tangent", [](Args a) { return std::atanh(a[0]); }},
    {"barrier", 0, IntrinsicType::boolean, Effect::synchronises, "all threads of the run meet; only between top-level loops of a kernel",
     nullptr},
    {"ceil", 1, same, pure, "smallest integral value not below", [](Args a) { return std::ceil(a[0]); }},
    {"cos", 1, same, pure, "cosine", [](Args a) { return std::cos(a[0]); }},
    {"cosh", 1, same, pure, "hyperbolic cosine", [](Args a) { return std::cosh(a[0]); }},
    {"dot_pairs", 2, same, pure, "of two i32, each of which holds two i16: the products of the lower and of the upper halves, added",
     nullptr},
    {"erf", 1, same, pure, "error function", [](Args a) { return std::erf(a[0]); }},
    {"exp", 1, same, pure, "e to the power", [](Args a) { return std::exp(a[0]); }},
    {"exp_nonpositive", 1, same, pure, "e to the power of a number that is not above 0; 0 where that is next to nothing (subnormal)",
     [](Args a) { return std::exp(a[0] > 0 ? 0 : a[0]); }},
    {"floor", 1, same, pure, "largest integral value not above", [](Args a) { return std::floor(a[0]); }},
    {"fma", 3, same, pure, "first * second + third, rounded once", [](Args a) { return std::fma(a[0], a[1], a[2]); }},
    {"fmod", 2, same, pure, "remainder with the sign of the first", [](Args a) { return std::fmod(a[0], a[1]); }},
    {"gelu", 1, same, pure, "x times the normal distribution at x; the error is relative to x",
     [](Args a) { return a[0] < -40 ? -0.0 : 0.5 * a[0] * std::erfc(a[0] * -0.70710678118654752440); }},
    {"isinf", 1, IntrinsicType::boolean, pure, "is it an infinity", [](Args a) { return std::isinf(a[0]) ? 1.0 : 0.0; }},
    {"isnan", 1, IntrinsicType::boolean, pure, "is it not a number", [](Args a) { return std::isnan(a[0]) ? 1.0 : 0.0; }},
    {"lane_add", 1, IntrinsicType::element, pure, "sum of the lanes, in any order", nullptr},
    {"lane_and", 1, IntrinsicType::element, pure, "are all lanes true", nullptr},
    {"lane_max", 1, IntrinsicType::element, pure, "largest lane", nullptr},
    {"lane_min", 1, IntrinsicType::element, pure, "smallest lane", nullptr},
    {"lane_mul", 1, IntrinsicType::element, pure, "product of the lanes, in any order", nullptr},
    {"lane_or", 1, IntrinsicType::element, pure, "is any lane true", nullptr},
    {"log", 1, same, pure, "natural logarithm", [](Args a) { return std::log(a[0]); }},
    {"log1p", 1, same, pure, "log(1 + x)", [](Args a) { return std::log1p(a[0]); }},
    {"pow", 2, same, pure, "first to the power of second", [](Args a) { return std::pow(a[0], a[1]); }},
    {"round", 1, same, pure, "nearest integral value, ties to even", [](Args a) { return round_even(a[0]); }},
    {"rsqrt", 1, same, pure, "1 / sqrt(x)", [](Args a) { return 1 / std::sqrt(a[0]); }},
    {"sigmoid", 1, same, pure, "1 / (1 + exp(-x))", [](Args a) { return 1 / (1 + std::exp(-a[0])); }},
    {"silu", 1, same, pure, "x / (1 + exp(-x)); the error is relative to x",
     [](Args a) { return a[0] < -700 ? -0.0 : a[0] / (1 + std::exp(-a[0])); }},
    {"sin", 1, same, pure, "sine", [](Args a) { return std::sin(a[0]); }},
    {"sinh", 1, same, pure, "hyperbolic sine", [](Args a) { return std::sinh(a[0]); }},
    {"sqrt", 1, same, pure, "square root", [](Args a) { return std::sqrt(a[0]); }},
    {"tan", 1, same, pure, "tangent", [](Args a) { return std::tan(a[0]); }},
    {"tanh", 1, same, pure, "hyperbolic tangent", [](Args a) { return std::tanh(a[0]); }},
    {"trunc", 1, same, pure, "integral part", [](Args a) { return std::trunc(a[0]); }},
};

} // namespace

std::span<const Intrinsic> all_intrinsics() { return rows; }

const Intrinsic* lookup_intrinsic(std::string_view name) {
  for (const Intrinsic& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const Intrinsic& find_intrinsic(Name name) {
  if (const Intrinsic* row = lookup_intrinsic(name)) return *row;
  throw internal_error("unknown intrinsic '{}'", name.str());
}

DType Intrinsic::result_type(const List<Ref<Expr>>& args) const {
  if (static_cast<int>(args.size()) != arity) throw internal_error("intrinsic '{}' takes {} arguments, found {}", name, arity, args.size());
  switch (type) {
  case IntrinsicType::same_as_first: return args[0]->dtype;
  case IntrinsicType::boolean: return tw::boolean.with_lanes(args.empty() ? 1 : args[0]->dtype.lanes);
  case IntrinsicType::element: return args[0]->dtype.element();
  }
  return {};
}

} // namespace tw
