// SPDX-License-Identifier: Apache-2.0
// What reductions share: attributes, result shapes, the split of an index into kept and reduced parts. Narrow floats are summed in f32.
#pragma once

#include "ops/elementwise.h"

namespace tw::ops {

struct ReduceAttributes {
  List<int64_t> axes; // empty: all
  bool keepdims = true;
  static constexpr auto fields = std::tuple{field("axes", &ReduceAttributes::axes), field("keepdims", &ReduceAttributes::keepdims)};
};

// Sorted, each once, non-negative. Empty gives all.
std::vector<int64_t> normalise_axes(const List<int64_t>& axes, int64_t rank);

// Which axes of a shape are reduced.
class Reduced {
public:
  Reduced(const Shape& shape, const std::vector<int64_t>& axes, bool keepdims);
  Shape kept() const;    // the result's shape
  Shape extents() const; // of the reduced axes
  // The input's index from the result's index and the reduction's.
  Indices join(const Indices& out, const Indices& reduced) const;
  // The result's index from the input's.
  Indices project(const Indices& in) const;
  Ref<Expr> count() const { return element_count(extents()); }

private:
  const Shape shape_;
  std::vector<bool> reduced_;
  bool keepdims_;
};

// combine over the axes of before(x), then after(total, count); both in the computation type.
struct ReduceParts {
  Combine combine = Combine::add;
  Formula1 before = {};
  Formula2 after = {}; // total, count (of the same type)
};
OpDef define_reduce(std::string doc, std::string kinds, ReduceParts parts, std::vector<std::string> examples);
TypeRule reduce_type();
TypeRule reduce_type_to(DType element);

// Mean and 1 / sqrt(variance + epsilon) over axes, in the computation type, shaped with keepdims.
struct Moments {
  Tensor mean, inverse;
};
Moments moments(Compute& c, const Tensor& x, const Reduced& axes, double epsilon);
// The same for channels-last x (N, space…, C), over all places and groups of so many neighbouring channels; shaped (N, C). Lines of the
// first spatial dimension are brought together from their own moments, so that memory is read once and threads may share the lines.
Moments channel_moments(Compute& c, const Tensor& x, const Ref<Expr>& width, double epsilon);
// Output 0 = (x - mean) * inverse * scale + bias by these moments; scale and bias are vectors over the channels.
void normalise_channels(Compute& c, const Ref<Expr>& width, double epsilon);

} // namespace tw::ops
