// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

namespace {
struct GatherNd {
  int64_t batch_dims = 0;
  static constexpr auto fields = std::tuple{field("batch_dims", &GatherNd::batch_dims)};
};

Types types(TypeContext& c) {
  int64_t batch = c.attrs<GatherNd>().batch_dims;
  Shape x = c.shape(0), indices = c.shape(1);
  if (indices.empty()) throw user_error("indices must have rank 1 or more");
  if (batch < 0 || batch >= std::min(c.rank(0), c.rank(1)))
    throw user_error("batch_dims must be at least 0 and below both ranks ({} and {}), found {}", c.rank(0), c.rank(1), batch);
  auto depth = as_int(indices.back());
  if (!depth) throw unsupported("the last size of indices must be known");
  if (*depth < 1 || *depth + batch > c.rank(0))
    throw user_error("the last size of indices must be in [1, {}], found {}", c.rank(0) - batch, *depth);
  for (size_t d = 0; d < static_cast<size_t>(batch); ++d) c.same(x[d], indices[d], "batch sizes of x and indices");
  std::vector<Ref<Expr>> shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), x.begin() + batch + *depth, x.end());
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

void compute(Compute& c) {
  auto batch = static_cast<size_t>(c.attrs<GatherNd>().batch_dims);
  Tensor x = c.input(0), indices = c.input(1);
  auto depth = static_cast<size_t>(*as_int(indices.shape().back()));
  size_t lead = indices.rank() - 1;
  c.output(0, [&](Indices i) {
    Indices from(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(batch));
    E filled = imm(1, boolean);
    for (size_t k = 0; k < depth; ++k) {
      Indices at(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(lead));
      at.push_back(imm(static_cast<int64_t>(k)));
      const E& size = x.size(batch + k);
      from.push_back(safe_index(indices(at), size));
      filled = filled && size > imm(0);
    }
    from.insert(from.end(), i.begin() + static_cast<std::ptrdiff_t>(lead), i.end());
    return x.where(filled, from);
  });
}
} // namespace

extern const OpDef gather_nd = define<GatherNd>(
    {.doc = "parts of x, each picked by a vector of indices (the last dimension of indices) into the dimensions after the batch ones",
     .inputs = std::vector<std::string>{"x: any", "indices: int"},
     .type = TypeRule(types),
     .fusion = Fusion::injective,
     .compute = compute,
     .examples = {"gather_nd([[0, 1], [2, 3]], [[0, 0], [1, 1]]) == [0, 3]", "gather_nd([[0, 1], [2, 3]], [[1], [0]]) == [[2, 3], [0, 1]]",
                  "gather_nd([[[0, 1], [2, 3]], [[4, 5], [6, 7]]], [[1], [0]], batch_dims=1) == [[2, 3], [4, 5]]"}});

} // namespace tw::ops
