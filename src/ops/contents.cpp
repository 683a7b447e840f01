// SPDX-License-Identifier: Apache-2.0
#include "ops/contents.h"

#include "ops/element.h"
#include "ops/sizes.h"

namespace tw::ops {

std::optional<std::vector<int64_t>> small_shape(const Shape& shape) {
  auto sizes = static_shape(shape);
  if (!sizes) return {};
  int64_t count = 1;
  for (int64_t s : *sizes) {
    if (s < 0 || (s > 0 && count > most_contents / s)) return {};
    count *= s;
  }
  return sizes;
}

std::optional<Contents> make_contents(const Shape& shape, const Pick& pick) {
  auto sizes = small_shape(shape);
  if (!sizes) return {};
  Contents out{.shape = shape, .elements = {}};
  int64_t count = 1;
  for (int64_t s : *sizes) count *= s;
  std::vector<int64_t> index(sizes->size(), 0);
  for (int64_t n = 0; n < count; ++n) {
    Opt<Expr> element = pick(index);
    if (!element) return {};
    out.elements.push_back(simplified(as_ref<Expr>(element)));
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < (*sizes)[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

Opt<Expr> element_at(const Contents& c, const std::vector<int64_t>& index) {
  auto sizes = static_shape(c.shape);
  if (!sizes || sizes->size() != index.size()) return {};
  int64_t offset = 0;
  for (size_t d = 0; d < index.size(); ++d) {
    if (index[d] < 0 || index[d] >= (*sizes)[d]) return {};
    offset = offset * (*sizes)[d] + index[d];
  }
  return c.elements[static_cast<size_t>(offset)];
}

Opt<Expr> broadcast_element(const Contents& c, const std::vector<int64_t>& index) {
  if (index.size() < c.shape.size()) return {};
  std::vector<int64_t> own(index.end() - static_cast<std::ptrdiff_t>(c.shape.size()), index.end());
  for (size_t d = 0; d < own.size(); ++d)
    if (is_one(c.shape[d])) own[d] = 0;
  return element_at(c, own);
}

std::optional<Contents> broadcast_contents(const Contents& a, const Contents& b,
                                           const std::function<Ref<Expr>(const Ref<Expr>&, const Ref<Expr>&)>& formula) {
  size_t rank = std::max(a.shape.size(), b.shape.size());
  std::vector<Ref<Expr>> shape(rank, imm(1));
  for (const Contents* c : {&a, &b})
    for (size_t d = 0; d < c->shape.size(); ++d)
      if (!is_one(c->shape[d])) shape[rank - c->shape.size() + d] = c->shape[d];
  return make_contents(Shape(std::move(shape)), [&](const std::vector<int64_t>& i) -> Opt<Expr> {
    Opt<Expr> x = broadcast_element(a, i), y = broadcast_element(b, i);
    if (!x || !y || x->dtype != y->dtype) return {};
    return formula(as_ref<Expr>(x), as_ref<Expr>(y));
  });
}

std::optional<Contents> contents_of(const Constant& constant) {
  DType type = constant.type->element;
  if (type.is_float()) return {};
  const std::byte* at = constant.data.bytes().data();
  return make_contents(constant.type->shape, [&](const std::vector<int64_t>&) -> Opt<Expr> {
    Ref<Expr> element = imm(read_int(at, type), type);
    at += type.bytes();
    return element;
  });
}

std::optional<std::vector<Contents>> fold_call(const OpCall& call, const std::vector<const Contents*>& inputs) {
  const OpDef& op = get(call.op);
  if (!op.fold) return {};
  FoldContext context{call, inputs};
  return op.fold(context);
}

} // namespace tw::ops
