// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Slice {
  List<int64_t> axes;
  List<Ref<Expr>> begin, end;
  List<int64_t> steps;
  static constexpr auto fields =
      std::tuple{field("axes", &Slice::axes), field("begin", &Slice::begin), field("end", &Slice::end), field("steps", &Slice::steps)};
};
struct Part {
  E begin, count;
  int64_t step;
};

// Negative positions count from the end; then limited to [low, high].
E position(const E& p, const E& size, const E& low, const E& high) {
  if (auto value = as_int(p)) {
    constexpr int64_t beyond = std::numeric_limits<int32_t>::max();
    if (*value >= beyond) return high;
    if (*value <= -beyond) return low;
    return simplified(min(high, max(low, *value < 0 ? size + *value : p)));
  }
  E from_start = surely_at_most(imm(0), p) ? p : select(p < imm(0), p + size, p);
  return simplified(min(high, max(low, from_start)));
}

// One Part for each dimension.
std::vector<Part> parts_of(const Slice& a, const Shape& shape) {
  if (a.begin.size() != a.end.size())
    throw user_error("begin and end must have as many entries, found {} and {}", a.begin.size(), a.end.size());
  if (!a.axes.empty() && a.axes.size() != a.begin.size())
    throw user_error("axes must have {} entries, found {}", a.begin.size(), a.axes.size());
  if (!a.steps.empty() && a.steps.size() != a.begin.size())
    throw user_error("steps must have {} entries, found {}", a.begin.size(), a.steps.size());
  if (a.begin.size() > shape.size()) throw user_error("begin must have at most {} entries, found {}", shape.size(), a.begin.size());
  std::vector<Part> parts;
  for (const auto& size : shape) parts.push_back({imm(0), size, 1});
  for (size_t k = 0; k < a.begin.size(); ++k) {
    auto axis =
        a.axes.empty() ? k : static_cast<size_t>(TypeContext::normalise_axis(a.axes[k], static_cast<int64_t>(shape.size()), "axes"));
    int64_t step = a.steps.empty() ? 1 : a.steps[k];
    if (step == 0) throw user_error("steps must not be 0");
    const E& size = shape[axis];
    E low = step > 0 ? imm(0) : imm(-1), high = step > 0 ? size : size - 1;
    E begin = position(a.begin[k], size, step > 0 ? low : imm(0), high), end = position(a.end[k], size, low, high);
    E distance = step > 0 ? end - begin : begin - end;
    // 1 - (size of an empty range) is at most 0: the count is too.
    parts[axis] = {begin, simplified(max(imm(0), ceildiv(distance, imm(step > 0 ? step : -step)))), step};
  }
  return parts;
}

Indices source_index(const std::vector<Part>& parts, Indices i) {
  for (size_t d = 0; d < parts.size(); ++d) i[d] = parts[d].begin + i[d] * parts[d].step;
  return i;
}
} // namespace

extern const OpDef slice = define<Slice>(
    {.doc = "x from begin to end (not included) by steps, along axes (the first ones if none are named); negative positions count from the "
            "end, positions beyond it are limited; negative steps go backwards",
     .inputs = std::vector<std::string>{"x: any"},
     .type = TypeRule([](TypeContext& c) {
       std::vector<Ref<Expr>> shape;
       for (const auto& part : parts_of(c.attrs<Slice>(), c.shape(0))) shape.push_back(part.count);
       return Types{tensor_type(Shape(std::move(shape)), c.element(0))};
     }),
     .fusion = Fusion::injective,
     .layout = Layout::axis,
     .compute =
         [](Compute& c) {
           Tensor x = c.input(0);
           auto parts = parts_of(c.attrs<Slice>(), x.shape());
           c.output(0, [&](Indices i) { return x(source_index(parts, i)); });
         },
     .fold = [](FoldContext& c) -> std::optional<std::vector<Contents>> {
       if (c.inputs.empty() || !c.inputs[0]) return {};
       auto parts = parts_of(c.attrs<Slice>(), c.inputs[0]->shape);
       std::vector<Ref<Expr>> shape;
       for (const auto& part : parts) {
         if (!as_int(part.begin)) return {};
         shape.push_back(part.count);
       }
       auto out = make_contents(Shape(std::move(shape)), [&](std::vector<int64_t> i) {
         for (size_t d = 0; d < i.size(); ++d) i[d] = *as_int(parts[d].begin) + i[d] * parts[d].step;
         return element_at(*c.inputs[0], i);
       });
       if (!out) return {};
       return std::vector<Contents>{std::move(*out)};
     },
     .examples = {"slice([0, 1, 2, 3, 4], begin=[1], end=[-1]) == [1, 2, 3]",
                  "slice([0, 1, 2, 3, 4], begin=[-1], end=[-9], steps=[-2]) == [4, 2, 0]",
                  "slice([[1, 2], [3, 4]], axes=[1], begin=[1], end=[99]) == [[2], [4]]",
                  "slice([1, 2], begin=[2], end=[1]) == zeros(i64, [0])",
                  "slice(zeros(i64, [0]), begin=[-1], end=[-9], steps=[-1]) == zeros(i64, [0])",
                  "slice([0, 1, 2, 3], begin=[9], end=[0], steps=[-1]) == [3, 2, 1]"}});

} // namespace tw::ops
