// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul.h"

#include "ops/elementwise.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Matmul {
  bool transpose_a = false, transpose_b = false;
  static constexpr auto fields = std::tuple{field("transpose_a", &Matmul::transpose_a), field("transpose_b", &Matmul::transpose_b)};
};

// A vector on the left is a row, on the right a column, and its own dimension of the result goes away.
struct Plan {
  Matmul a;
  Shape left, right;
  bool row() const { return left.size() == 1; }
  bool column() const { return right.size() == 1; }
  Ref<Expr> m() const { return a.transpose_a ? left[left.size() - 1] : left[left.size() - 2]; }
  Ref<Expr> n() const { return a.transpose_b ? right[right.size() - 2] : right[right.size() - 1]; }
  Ref<Expr> k_left() const { return row() ? left[0] : a.transpose_a ? left[left.size() - 2] : left[left.size() - 1]; }
  Ref<Expr> k_right() const { return column() ? right[0] : a.transpose_b ? right[right.size() - 1] : right[right.size() - 2]; }
};

Shape leading(const Shape& shape) { return shape.size() <= 2 ? Shape() : Shape(shape.begin(), shape.end() - 2); }

Types types(TypeContext& c) {
  Plan p{c.attrs<Matmul>(), c.shape(0), c.shape(1)};
  if (c.element(0) != c.element(1))
    throw user_error("both inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(1)));
  if (p.left.empty() || p.right.empty())
    throw user_error("inputs must have rank 1 or more, found ranks {} and {}", p.left.size(), p.right.size());
  c.same(p.k_left(), p.k_right(), "the inner dimensions of a matrix product");
  std::vector<Ref<Expr>> shape = c.broadcast({leading(p.left), leading(p.right)}).vector();
  if (!p.row()) shape.push_back(p.m());
  if (!p.column()) shape.push_back(p.n());
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

Indices batch_of(const Indices& i, size_t batch, const Shape& shape) {
  Indices out;
  Shape own = leading(shape);
  for (size_t d = 0; d < own.size(); ++d) out.push_back(is_one(own[d]) ? imm(0) : i[batch - own.size() + d]);
  return out;
}

// As many rows pay for a copy of b whose columns lie side by side: so registers hold several of them, instead of parts of one sum.
constexpr int64_t fewest_rows = 8;

Tensor with_columns_side_by_side(Compute& c, const Tensor& b) {
  std::vector<Ref<Expr>> shape = b.shape().vector();
  std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  c.hint("stored", 1);
  return c.tensor("columns", Shape(shape), b.element(), [&](Indices i) {
    std::swap(i[i.size() - 1], i[i.size() - 2]);
    return b(i);
  });
}

void compute(Compute& c, Multiply multiply) {
  Tensor a = c.input(0), b = c.input(1);
  Plan p{c.attrs<Matmul>(), a.shape(), b.shape()};
  if (p.a.transpose_b && !p.row() && !p.column() && as_int(p.m()).value_or(fewest_rows) >= fewest_rows) {
    b = with_columns_side_by_side(c, b);
    p.a.transpose_b = false;
    p.right = b.shape();
  }
  size_t batch = c.output(0).rank() - !p.row() - !p.column();
  auto fold = [&](const Indices& i, const Indices& r) {
    Indices at = batch_of(i, batch, p.left), bt = batch_of(i, batch, p.right);
    if (p.row()) at = {r[0]};
    else if (p.a.transpose_a) at.insert(at.end(), {r[0], i[batch]});
    else at.insert(at.end(), {i[batch], r[0]});
    const E column = i.empty() ? imm(0) : i.back();
    if (p.column()) bt = {r[0]};
    else if (p.a.transpose_b) bt.insert(bt.end(), {column, r[0]});
    else bt.insert(bt.end(), {r[0], column});
    return multiply(widen(a(at)), widen(b(bt)));
  };
  // The better known of the two inner sizes.
  Shape inner{as_int(p.k_left()) ? p.k_left() : p.k_right()};
  sum_with_bias(c, inner, fold);
}
} // namespace

OpDef define_matmul(std::string doc, std::vector<std::string> inputs, int64_t products, Multiply multiply,
                    std::vector<std::string> examples) {
  return define<Matmul>({.doc = std::move(doc),
                         .inputs = std::move(inputs),
                         .type = TypeRule(types),
                         .fusion = Fusion::product,
                         .compute = [multiply](Compute& c) { compute(c, multiply); },
                         .flops =
                             [products](TypeContext& c) {
                               Plan p{c.attrs<Matmul>(), c.shape(0), c.shape(1)};
                               return element_count(types(c)[0]->shape) * p.k_left() * (2 * products);
                             },
                         .examples = std::move(examples)});
}

} // namespace tw::ops
