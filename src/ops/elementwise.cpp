// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

#include "ops/contents.h"
#include "ops/sizes.h"

namespace tw::ops {

DType computation_type(DType type) { return type == f16 || type == bf16 ? f32 : type; }
Ref<Expr> widen(const Ref<Expr>& x) { return cast(computation_type(x->dtype), x); }

Definition map_one(std::string doc, std::string kinds, Formula1 formula, std::vector<std::string> examples) {
  return {.doc = std::move(doc),
          .inputs = std::vector<std::string>{"x: " + kinds},
          .type = same_as(0),
          .fusion = Fusion::elementwise,
          .layout = Layout::any_common,
          .compute =
              [formula](Compute& c) {
                Tensor x = c.input(0);
                c.output(0, [&](Indices i) { return cast(x.element(), formula(widen(x(i)))); });
              },
          .fold = formula ? fold_each(formula) : nullptr,
          .examples = std::move(examples)};
}

Definition test_one(std::string doc, std::string kinds, Formula1 formula, std::vector<std::string> examples) {
  return {.doc = std::move(doc),
          .inputs = std::vector<std::string>{"x: " + kinds},
          .type = same_shape(boolean),
          .fusion = Fusion::elementwise,
          .layout = Layout::any_common,
          .compute =
              [formula](Compute& c) {
                Tensor x = c.input(0);
                c.output(0, [&](Indices i) { return formula(widen(x(i))); });
              },
          .examples = std::move(examples)};
}

namespace {
Definition two(std::string doc, std::string kinds, TypeRule type, Formula2 formula, std::vector<std::string> examples) {
  return {.doc = std::move(doc),
          .inputs = std::vector<std::string>{"a: " + kinds, "b: " + kinds},
          .type = std::move(type),
          .fusion = Fusion::elementwise,
          .layout = Layout::any_common,
          .compute =
              [formula](Compute& c) {
                Tensor a = c.input(0), b = c.input(1);
                c.output(0, [&](Indices i) { return cast(c.output(0).element(), formula(widen(a.broadcast(i)), widen(b.broadcast(i)))); });
              },
          .fold = fold_elements(formula),
          .examples = std::move(examples)};
}
} // namespace

Definition map_two(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples) {
  return two(std::move(doc), std::move(kinds), broadcast_all(), std::move(formula), std::move(examples));
}
Definition compare_two(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples) {
  return two(std::move(doc), std::move(kinds), broadcast_all_to(boolean), std::move(formula), std::move(examples));
}

Definition map_many(std::string doc, std::string kinds, Formula2 formula, std::vector<std::string> examples) {
  return {.doc = std::move(doc),
          .inputs = std::vector<std::string>{"values*: " + kinds},
          .type = broadcast_all(),
          .fusion = Fusion::elementwise,
          .layout = Layout::any_common,
          .compute =
              [formula](Compute& c) {
                c.output(0, [&](Indices i) {
                  Ref<Expr> out = widen(c.input(0).broadcast(i));
                  for (size_t k = 1; k < c.input_count(); ++k) out = formula(out, widen(c.input(k).broadcast(i)));
                  return cast(c.output(0).element(), out);
                });
              },
          .fold = fold_elements(formula),
          .examples = std::move(examples)};
}

std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold_elements(Formula2 formula) {
  return [formula](FoldContext& c) -> std::optional<std::vector<Contents>> {
    if (c.inputs.empty() || !c.inputs[0]) return {};
    Contents out = *c.inputs[0];
    for (size_t k = 1; k < c.inputs.size(); ++k) {
      if (!c.inputs[k]) return {};
      auto next = broadcast_contents(out, *c.inputs[k], formula);
      if (!next) return {};
      out = std::move(*next);
    }
    return std::vector<Contents>{std::move(out)};
  };
}

std::function<std::optional<std::vector<Contents>>(FoldContext&)> fold_each(Formula1 formula) {
  return [formula](FoldContext& c) -> std::optional<std::vector<Contents>> {
    if (c.inputs.empty() || !c.inputs[0] || c.inputs[0]->elements.empty()) return {};
    if (c.inputs[0]->elements[0]->dtype.is_float()) return {};
    Contents out = *c.inputs[0];
    for (auto& e : out.elements) e = simplified(formula(e));
    return std::vector<Contents>{std::move(out)};
  };
}

namespace {
Ref<Expr> nonzero(const Ref<Expr>& b) { return select(eq(b, zero(b->dtype)), imm(1, b->dtype), b); }
Ref<Expr> unless_zero(const Ref<Expr>& b, const Ref<Expr>& value) { return select(eq(b, zero(b->dtype)), zero(b->dtype), value); }
} // namespace

Ref<Expr> safe_floor_quotient(const Ref<Expr>& a, const Ref<Expr>& b) { return unless_zero(b, floordiv(a, nonzero(b))); }
Ref<Expr> safe_floor_remainder(const Ref<Expr>& a, const Ref<Expr>& b) { return unless_zero(b, floormod(a, nonzero(b))); }
Ref<Expr> safe_trunc_quotient(const Ref<Expr>& a, const Ref<Expr>& b) {
  Ref<Expr> quotient = safe_floor_quotient(a, b);
  if (!a->dtype.is_signed()) return quotient;
  if (auto divisor = as_int(b); divisor && *divisor > 0 && surely_at_most(zero(a->dtype), a)) return quotient;
  // Floor and truncation differ by one where the signs do and the division is not exact.
  Ref<Expr> none = zero(a->dtype);
  Ref<Expr> up = ne(safe_floor_remainder(a, b), none) && ((a < none && b > none) || (a > none && b < none));
  return quotient + select(up, imm(1, a->dtype), none);
}

} // namespace tw::ops
