// SPDX-License-Identifier: Apache-2.0
// What elementwise operators share: one formula, applied at every index. Narrow floats are computed in f32 and rounded once.
#pragma once

#include "ops/op.h"

namespace tw::ops {

using Formula1 = std::function<Ref<Expr>(const Ref<Expr>& x)>;
using Formula2 = std::function<Ref<Expr>(const Ref<Expr>& a, const Ref<Expr>& b)>;

// f16 and bf16 as f32, other types as they are; and back.
DType computation_type(DType type);
Ref<Expr> widen(const Ref<Expr>& x);

// One input of the kinds, the result like it. The formula may use any intrinsic of floats.
Definition map_one(std::string doc, std::string kinds, Formula1 formula, std::vector<std::string> examples);
// The same with a bool result.
Definition test_one(std::string doc, std::string kinds, Formula1 formula, std::vector<std::string> examples);
// Two inputs of one type that broadcast.
Definition map_two(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples);
Definition compare_two(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples);
// One or more inputs of one type that broadcast, combined from left to right.
Definition map_many(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples);

// A fold for contents: the formula applied to symbolic elements, broadcasting.
std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold_elements(Formula2 formula);

std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold_each(Formula1 formula);

// One input and attributes.
template <class A>
OpDef define_map(std::string doc, std::string kinds, Ref<Expr> (*formula)(const A&, const Ref<Expr>&), std::vector<std::string> examples,
                 bool test = false) {
  Definition d = (test ? test_one : map_one)(std::move(doc), std::move(kinds), {}, std::move(examples));
  d.compute = [formula](Compute& c) {
    Tensor x = c.input(0);
    A attributes = c.attrs<A>();
    c.output(0, [&](Indices i) { return cast(c.output(0).element(), formula(attributes, widen(x(i)))); });
  };
  return define<A>(std::move(d));
}

// Integer quotients that are safe for every divisor: 0 where it is zero.
Ref<Expr> safe_floor_quotient(const Ref<Expr>& a, const Ref<Expr>& b);
Ref<Expr> safe_trunc_quotient(const Ref<Expr>& a, const Ref<Expr>& b);
Ref<Expr> safe_floor_remainder(const Ref<Expr>& a, const Ref<Expr>& b);

// A literal of x's type.
inline Ref<Expr> like(const Ref<Expr>& x, double value) { return literal(value, x->dtype); }

} // namespace tw::ops
