// SPDX-License-Identifier: Apache-2.0
#include "ops/scatter.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct ScatterNd {
  Name reduction = "none";
  static constexpr auto fields = std::tuple{field("reduction", &ScatterNd::reduction)};
};

Types types(TypeContext& c) {
  check_reduction(c.attrs<ScatterNd>().reduction, c.element(0));
  Shape x = c.shape(0), indices = c.shape(1), updates = c.shape(2);
  if (indices.empty()) throw user_error("indices must have rank 1 or more");
  if (c.element(2) != c.element(0))
    throw user_error("updates must have elements of {}, found {}", tw::to_string(c.element(0)), tw::to_string(c.element(2)));
  auto depth = as_int(indices.back());
  if (!depth) throw unsupported("the last size of indices must be known");
  if (*depth < 0 || *depth > c.rank(0)) throw user_error("the last size of indices must be in [0, {}], found {}", c.rank(0), *depth);
  std::vector<Ref<Expr>> expected(indices.begin(), indices.end() - 1);
  expected.insert(expected.end(), x.begin() + *depth, x.end());
  if (updates.size() != expected.size()) throw user_error("updates must have rank {}, found {}", expected.size(), updates.size());
  for (size_t d = 0; d < expected.size(); ++d) c.same(expected[d], updates[d], "sizes of updates and of what they replace");
  return {c.tensor(0)};
}

void compute(Compute& c) {
  auto a = c.attrs<ScatterNd>();
  Tensor x = c.input(0), indices = c.input(1), updates = c.input(2), out = c.output(0);
  auto depth = static_cast<size_t>(*as_int(indices.shape().back()));
  auto lead = static_cast<std::ptrdiff_t>(indices.rank() - 1);
  c.output(0, [&](Indices i) { return x(i); });
  c.raw(loops(updates.shape(), [&](const Indices& i) {
    Indices to;
    E valid = imm(1, boolean);
    for (size_t k = 0; k < depth; ++k) {
      Indices at(i.begin(), i.begin() + lead);
      at.push_back(imm(static_cast<int64_t>(k)));
      to.push_back(wrapped_index(indices(at), x.size(k)));
      valid = valid && inside(to[k], x.size(k));
    }
    to.insert(to.end(), i.begin() + lead, i.end());
    return when(valid, put(out, to, combined(a.reduction, out(to), updates(i))));
  }));
}
} // namespace

extern const OpDef scatter_nd = define<ScatterNd>(
    {.doc = "x with parts replaced by updates or combined with them (reduction: add, mul, max, min); each part is picked by a vector of "
            "indices; updates in row-major order, those outside are dropped",
     .inputs = std::vector<std::string>{"x: any", "indices: int", "updates: any"},
     .type = TypeRule(types),
     .fusion = Fusion::opaque,
     .compute = compute,
     .examples = {"scatter_nd([1, 2, 3], [[2], [0]], [9, 8]) == [8, 2, 9]",
                  "scatter_nd([[1, 2], [3, 4]], [[-1]], [[7, 8]]) == [[1, 2], [7, 8]]",
                  "scatter_nd([1, 2], [[0], [0]], [10, 5], reduction=\"max\") == [10, 2]"}});

} // namespace tw::ops
