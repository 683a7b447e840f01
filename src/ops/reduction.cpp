// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

#include "ops/sizes.h"

#include <algorithm>

namespace tw::ops {

std::vector<int64_t> normalise_axes(const List<int64_t>& axes, int64_t rank) {
  std::vector<int64_t> out;
  for (int64_t a : axes) out.push_back(TypeContext::normalise_axis(a, rank, "axes"));
  if (axes.empty())
    for (int64_t d = 0; d < rank; ++d) out.push_back(d);
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end()) throw user_error("axes must differ, found one twice");
  return out;
}

Reduced::Reduced(const Shape& shape, const std::vector<int64_t>& axes, bool keepdims)
    : shape_(shape), reduced_(shape.size(), false), keepdims_(keepdims) {
  for (int64_t a : axes) reduced_[static_cast<size_t>(a)] = true;
}
Shape Reduced::kept() const {
  std::vector<Ref<Expr>> out;
  for (size_t d = 0; d < shape_.size(); ++d) {
    if (!reduced_[d]) out.push_back(shape_[d]);
    else if (keepdims_) out.push_back(imm(1));
  }
  return Shape(std::move(out));
}
Shape Reduced::extents() const {
  std::vector<Ref<Expr>> out;
  for (size_t d = 0; d < shape_.size(); ++d)
    if (reduced_[d]) out.push_back(shape_[d]);
  return Shape(std::move(out));
}
Indices Reduced::join(const Indices& out, const Indices& reduced) const {
  Indices in;
  size_t o = 0, r = 0;
  for (size_t d = 0; d < shape_.size(); ++d) {
    if (reduced_[d]) {
      in.push_back(reduced[r++]);
      o += keepdims_;
    } else {
      in.push_back(out[o++]);
    }
  }
  return in;
}
Indices Reduced::project(const Indices& in) const {
  Indices out;
  for (size_t d = 0; d < shape_.size(); ++d) {
    if (!reduced_[d]) out.push_back(in[d]);
    else if (keepdims_) out.push_back(imm(0));
  }
  return out;
}

namespace {
Reduced reduced_of(const Shape& shape, const ReduceAttributes& a) {
  return Reduced(shape, normalise_axes(a.axes, static_cast<int64_t>(shape.size())), a.keepdims);
}

void compute_reduce(Compute& c, const ReduceParts& parts) {
  Tensor x = c.input(0);
  Reduced axes = reduced_of(x.shape(), c.attrs<ReduceAttributes>());
  DType type = computation_type(x.element());
  auto fold = [&](Indices i, Indices r) {
    Ref<Expr> value = widen(x(axes.join(i, r)));
    return parts.before ? parts.before(value) : value;
  };
  if (!parts.after && type == x.element()) return c.reduce_output(0, parts.combine, axes.extents(), fold);
  Tensor total = c.reduce("total", axes.kept(), type, parts.combine, axes.extents(), fold);
  c.output(0, [&](Indices i) {
    Ref<Expr> value = total(i);
    if (parts.after) value = parts.after(value, cast(type, axes.count()));
    return cast(x.element(), value);
  });
}

std::optional<std::vector<Contents>> fold_reduce(FoldContext& c, Combine combine) {
  if (c.inputs.empty() || !c.inputs[0] || c.inputs[0]->elements.empty()) return {};
  const Contents& x = *c.inputs[0];
  Reduced axes = reduced_of(x.shape, c.attrs<ReduceAttributes>());
  // Shapes are vectors: whole reductions are what shape arithmetic needs.
  if (!is_int(element_count(axes.kept()), 1)) return {};
  Ref<Expr> total = x.elements[0];
  for (size_t i = 1; i < x.elements.size(); ++i) {
    static constexpr BinaryOp ops[] = {BinaryOp::add, BinaryOp::mul,         BinaryOp::min,
                                       BinaryOp::max, BinaryOp::logical_and, BinaryOp::logical_or};
    total = binary(ops[static_cast<size_t>(combine)], total, x.elements[i]);
  }
  return std::vector<Contents>{{axes.kept(), {total}}};
}
} // namespace

TypeRule reduce_type() {
  return [](TypeContext& c) { return Types{tensor_type(reduced_of(c.shape(0), c.attrs<ReduceAttributes>()).kept(), c.element(0))}; };
}
TypeRule reduce_type_to(DType element) {
  return [element](TypeContext& c) { return Types{tensor_type(reduced_of(c.shape(0), c.attrs<ReduceAttributes>()).kept(), element)}; };
}

OpDef define_reduce(std::string doc, std::string kinds, ReduceParts parts, std::vector<std::string> examples) {
  bool plain = !parts.before && !parts.after;
  Definition d{.doc = std::move(doc),
               .inputs = std::vector<std::string>{"x: " + kinds},
               .type = reduce_type(),
               .fusion = Fusion::reduction,
               .layout = Layout::axis,
               .compute = [parts](Compute& c) { compute_reduce(c, parts); },
               .flops = [](TypeContext& c) { return element_count(c.shape(0)); },
               .examples = std::move(examples)};
  if (plain) d.fold = [combine = parts.combine](FoldContext& c) { return fold_reduce(c, combine); };
  return define<ReduceAttributes>(std::move(d));
}

Moments moments(Compute& c, const Tensor& x, const Reduced& axes, double epsilon) {
  DType type = computation_type(x.element());
  Ref<Expr> count = cast(type, axes.count());
  Tensor total =
      c.reduce("total", axes.kept(), type, Combine::add, axes.extents(), [&](Indices i, Indices r) { return widen(x(axes.join(i, r))); });
  Tensor mean = c.tensor("mean", axes.kept(), type, [&](Indices i) { return total(i) / count; });
  Tensor square = c.reduce("square", axes.kept(), type, Combine::add, axes.extents(), [&](Indices i, Indices r) {
    Ref<Expr> d = widen(x(axes.join(i, r))) - mean(i);
    return d * d;
  });
  Tensor inverse = c.tensor("inverse", axes.kept(), type,
                            [&](Indices i) { return like(square(i), 1) / call("sqrt", {square(i) / count + like(square(i), epsilon)}); });
  return {mean, inverse};
}

namespace {
// The sum over each group of neighbouring channels, at every channel of the group.
Tensor group_sums(Compute& c, const char* id, const Tensor& x, const Ref<Expr>& width) {
  if (is_int(width, 1)) return x;
  return c.reduce(id, x.shape(), x.element(), Combine::add, {width}, [&](Indices i, Indices r) {
    return x({i[0], floordiv(i[1], width) * width + r[0]});
  });
}

// What is summed first: a line of the first spatial dimension; of a single dimension a part.
struct ChannelLines {
  Shape shape, inside; // (N, lines, C); the places of one line
  int64_t part = 0;
  explicit ChannelLines(const Tensor& x) {
    size_t last = x.rank() - 1;
    Ref<Expr> lines = x.size(1);
    inside = Shape(x.shape().begin() + 2, x.shape().end() - 1);
    constexpr int64_t most_lines = 64;
    if (auto length = as_int(lines); length && inside.empty() && *length > 0) {
      int64_t count = std::min(*length, most_lines);
      while (*length % count) --count;
      part = *length / count;
      lines = imm(count);
      inside = {imm(part)};
    }
    shape = {x.size(0), lines, x.size(last)};
  }
  Ref<Expr> element(const Tensor& x, const Indices& i, const Indices& r) const {
    Indices at{i[0], part ? i[1] * part + r[0] : i[1]};
    if (!part) at.insert(at.end(), r.begin(), r.end());
    at.push_back(i[2]);
    return widen(x(at));
  }
};
} // namespace

Moments channel_moments(Compute& c, const Tensor& x, const Ref<Expr>& width, double epsilon) {
  DType type = computation_type(x.element());
  ChannelLines lines(x);
  Shape kept{lines.shape[0], lines.shape[2]};
  Ref<Expr> each = cast(type, element_count(lines.inside)),
            count = cast(type, simplified(lines.shape[1] * element_count(lines.inside) * width));
  auto sum = [&](const char* id, const Compute::Fold& fold) { return c.reduce(id, lines.shape, type, Combine::add, lines.inside, fold); };
  auto bring_together = [&](const char* id, const Compute::Fold& fold) {
    return c.reduce(id, kept, type, Combine::add, {lines.shape[1]}, fold);
  };
  auto row = [](const Indices& i, const Indices& r) { return Indices{i[0], r[0], i[1]}; };
  Tensor line = sum("line", [&](Indices i, Indices r) { return lines.element(x, i, r); });
  Tensor spread = sum("spread", [&](Indices i, Indices r) {
    Ref<Expr> d = lines.element(x, i, r) - line(i) / each;
    return d * d;
  });
  Tensor total = bring_together("total", [&](Indices i, Indices r) { return line(row(i, r)); });
  Tensor whole = group_sums(c, "group_total", total, width);
  c.hint("stored", 1);
  Tensor mean = c.tensor("mean", kept, type, [&](Indices i) { return whole(i) / count; });
  // Around the common mean: what a line has around its own, and how far that is off.
  Tensor square = bring_together("square", [&](Indices i, Indices r) {
    Ref<Expr> d = line(row(i, r)) / each - mean(i);
    return spread(row(i, r)) + each * d * d;
  });
  Tensor all = group_sums(c, "group_square", square, width);
  c.hint("stored", 1);
  Tensor inverse =
      c.tensor("inverse", kept, type, [&](Indices i) { return like(all(i), 1) / call("sqrt", {all(i) / count + like(all(i), epsilon)}); });
  return {mean, inverse};
}

void normalise_channels(Compute& c, const Ref<Expr>& width, double epsilon) {
  Tensor x = c.input(0);
  Moments m = channel_moments(c, x, width, epsilon);
  c.hint("stored", 1);
  Tensor factor = c.tensor("factor", m.mean.shape(), m.mean.element(), [&](Indices i) { return m.inverse(i) * widen(c.input(1)({i[1]})); });
  c.output(0, [&](Indices i) {
    Indices at{i[0], i.back()};
    return cast(x.element(), (widen(x(i)) - m.mean(at)) * factor(at) + widen(c.input(2)({i.back()})));
  });
}

} // namespace tw::ops
