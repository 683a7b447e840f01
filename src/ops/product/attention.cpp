// SPDX-License-Identifier: Apache-2.0
#include "ops/reduction.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {
struct Attention {
  double scale = 1;
  static constexpr auto fields = std::tuple{field("scale", &Attention::scale)};
};

Shape leading(const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); }

// The shape of the scores: (…, queries, keys).
Shape scores_shape(TypeContext& c) {
  for (size_t i = 0; i < 3; ++i)
    if (c.rank(i) < 2) throw user_error("queries, keys and values must have rank 2 or more, found {}", c.rank(i));
  for (size_t i = 1; i < c.count(); ++i)
    if (c.has(i) && c.element(i) != c.element(0))
      throw user_error("all inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(i)));
  Shape q = c.shape(0), k = c.shape(1), v = c.shape(2);
  c.same(q.back(), k[k.size() - 2], "the sizes of a query and a key");
  Ref<Expr> keys = c.same(k.back(), v[v.size() - 2], "the counts of keys and values");
  std::vector<Ref<Expr>> shape = c.broadcast({leading(q), leading(k), leading(v)}).vector();
  shape.push_back(q[q.size() - 2]);
  shape.push_back(keys);
  return Shape(std::move(shape));
}

Types types(TypeContext& c) {
  Shape scores = scores_shape(c);
  if (c.has(3)) {
    Shape mask = c.shape(3), common = c.broadcast({scores, mask});
    bool larger = common.size() != scores.size();
    for (size_t d = 0; d < scores.size() && !larger; ++d) larger = surely_different(common[d], scores[d]);
    if (larger) throw user_error("the mask must broadcast to the scores {}, found {}", to_string(scores), to_string(mask));
  }
  std::vector<Ref<Expr>> shape = scores.vector();
  shape.back() = c.shape(2).back();
  return {tensor_type(Shape(std::move(shape)), c.element(0))};
}

// The index of the operand's matrix that belongs to i, whose last two places are not the operand's.
Indices matrix_of(const Tensor& x, const Indices& i) {
  Indices out;
  size_t own = x.rank() - 2, common = i.size() - 2;
  for (size_t d = 0; d < own; ++d) out.push_back(is_one(x.size(d)) ? imm(0) : i[common - own + d]);
  return out;
}
Ref<Expr> at(const Tensor& x, const Indices& i, const Ref<Expr>& row, const Ref<Expr>& column) {
  Indices index = matrix_of(x, i);
  index.insert(index.end(), {row, column});
  return widen(x(index));
}

// The mask at i, where its last dimension has that point.
Ref<Expr> within(const Tensor& mask, const Ref<Expr>& condition, const Indices& i) {
  Indices own;
  for (size_t d = 0; d < mask.rank(); ++d) own.push_back(is_one(mask.size(d)) ? imm(0) : i[i.size() - mask.rank() + d]);
  return own.empty() || is_int(own.back(), 0) ? mask(own) : mask.where(condition, own);
}

constexpr int64_t line = 16;      // elements: rows of scores end with a cache line
constexpr int64_t period = 256;   // rows a multiple of so many elements apart share few sets of the first-level cache
constexpr int64_t few_keys = 256; // values of so many are read where they are

Ref<Expr> with_spare_columns(const Ref<Expr>& keys) {
  auto count = as_int(keys);
  if (!count) return simplified(max(floordiv(keys + (line - 1), imm(line)), imm(1)) * line);
  int64_t columns = (*count + line - 1) / line * line;
  return imm(columns % period == 0 && columns > 0 ? columns + line : columns);
}

// The keys lie in columns, whatever their order was, and have columns to spare: then the steps behind have whole vectors, without a rest.
// Scores of spare columns count for nothing. Quotients by the sum are taken at the end: one for each row of the result, not for each score.
void compute(Compute& c) {
  Tensor q = c.input(0), k = c.input(1), v = c.input(2);
  auto a = c.attrs<Attention>();
  DType type = computation_type(q.element());
  Shape result = c.output(0).shape();
  std::vector<Ref<Expr>> shape = result.vector(), columns_shape = k.shape().vector();
  Ref<Expr> size = as_int(q.shape().back()) ? q.shape().back() : k.size(k.rank() - 2);
  Ref<Expr> keys = as_int(k.shape().back()) ? k.shape().back() : v.size(v.rank() - 2), spared = with_spare_columns(keys), summed = keys;
  bool spares = !surely_equal(keys, spared);
  shape.back() = columns_shape.back() = spared;
  c.hint("stored", 1);
  Tensor columns =
      c.tensor("columns", Shape(columns_shape), k.element(), [&](Indices i) { return spares ? k.where(i.back() < keys, i) : k(i); });
  Tensor values = v;
  auto count = as_int(keys);
  if (!count || *count > few_keys) {
    if (!count) summed = spared; // never none: no other way through for no keys at all
    std::vector<Ref<Expr>> values_shape = v.shape().vector();
    values_shape[v.rank() - 2] = summed;
    c.hint("stored", 1);
    values =
        c.tensor("values", Shape(values_shape), v.element(), [&](Indices i) { return count ? v(i) : v.where(i[i.size() - 2] < keys, i); });
  }
  Tensor scores = c.reduce("scores", Shape(shape), type, Combine::add, Shape{size},
                           [&](Indices i, Indices r) { return at(q, i, i[i.size() - 2], r[0]) * at(columns, i, r[0], i.back()); });
  if (a.scale != 1 || c.has(3) || spares) {
    c.hint("stored", 1);
    scores = c.tensor("weighted", Shape(shape), type, [&](Indices i) {
      Ref<Expr> value = scores(i), real = i.back() < keys;
      if (a.scale != 1) value = value * tw::literal(a.scale, type);
      if (c.has(3)) value = value + widen(spares ? within(c.input(3), real, i) : c.input(3).broadcast(i));
      return spares ? select(real, value, lowest(type)) : value;
    });
  }
  Shape row(shape.begin(), shape.end() - 1);
  auto with_last = [](Indices i, const Ref<Expr>& last) {
    i.push_back(last);
    return i;
  };
  auto without_last = [](const Indices& i) { return Indices(i.begin(), i.end() - 1); };
  Tensor largest =
      c.reduce("largest", row, type, Combine::max, Shape{spared}, [&](Indices i, Indices r) { return scores(with_last(i, r[0])); });
  Tensor power =
      c.tensor("power", Shape(shape), type, [&](Indices i) { return call("exp_nonpositive", {scores(i) - largest(without_last(i))}); });
  Tensor sum = c.reduce("sum", row, type, Combine::add, Shape{spared}, [&](Indices i, Indices r) { return power(with_last(i, r[0])); });
  Tensor total = c.reduce("total", result, type, Combine::add, Shape{summed}, [&](Indices i, Indices r) {
    Indices weight = i;
    weight.back() = r[0];
    return power(weight) * at(values, i, r[0], i.back());
  });
  // With keys at all, the largest power is 1 and so the sum no less.
  c.output(0, [&](Indices i) {
    Ref<Expr> by_sum = total(i) * (tw::literal(1, type) / sum(without_last(i)));
    return cast(q.element(), may_be_empty(keys) ? select(imm(0) < keys, by_sum, zero(type)) : by_sum);
  });
}
} // namespace

extern const OpDef attention = define<Attention>(
    {.doc = "softmax(q × k * scale + mask) × v over the last two dimensions: q (queries, size), k (size, keys), v (keys, columns); leading "
            "dimensions broadcast",
     .inputs = std::vector<std::string>{"q: float", "k: float", "v: float", "mask?: float"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .compute = compute,
     .flops =
         [](TypeContext& c) {
           Shape scores = scores_shape(c);
           return element_count(scores) * (c.shape(0).back() * 2 + c.shape(2).back() * 2 + 4);
         },
     .examples = {"attention([[1.0, 0.0]], [[0.0, 0.0], [3.0, 5.0]], [[1.0, 2.0], [3.0, 4.0]]) == [[2.0, 3.0]]",
                  "attention([[1.0], [0.0]], [[0.0, 1.0986123]], [[0.0], [4.0]]) == [[3.0], [2.0]]",
                  "attention([[2.0]], [[0.0, 1.0986123]], [[0.0, 8.0], [4.0, 0.0]], scale=0.5) == [[3.0, 2.0]]",
                  "attention([[[1.0]], [[2.0]]], [[0.0, 0.0]], [[0.0], [4.0]], [[0.0, 1.0986123]]) == [[[3.0]], [[3.0]]]",
                  "attention([[1.0]], zeros(f32, [1, 0]), zeros(f32, [0, 2])) == [[0.0, 0.0]]"}});

} // namespace tw::ops
