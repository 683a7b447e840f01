// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"

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

} // namespace tw::ops
