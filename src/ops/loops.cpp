// SPDX-License-Identifier: Apache-2.0
#include "ops/loops.h"

namespace tw::ops {

Ref<Stmt> loops(const Shape& extents, const std::function<Ref<Stmt>(const Indices&)>& body, ForKind outer) {
  std::vector<Ref<Var>> vars;
  for (size_t d = 0; d < extents.size(); ++d) vars.push_back(var(fmt::format("j{}", d)));
  Ref<Stmt> out = body(Indices(vars.begin(), vars.end()));
  for (size_t d = extents.size(); d-- > 0;)
    out = make(For{.begin = imm(0), .extent = extents[d], .var = vars[d], .body = out, .how = d == 0 ? outer : ForKind::serial});
  return out;
}

Ref<Stmt> let(const char* id, const Ref<Expr>& value, const std::function<Ref<Stmt>(const Ref<Expr>&)>& body) {
  Ref<Var> v = var(id, value->dtype);
  return make(Let{.value = value, .var = v, .body = body(v)});
}

Ref<Expr> wrapped_index(const Ref<Expr>& index, const Ref<Expr>& size) {
  Ref<Expr> i = cast(i64, index);
  return select(i < imm(0), i + size, i);
}
Ref<Expr> safe_index(const Ref<Expr>& index, const Ref<Expr>& size) { return max(min(wrapped_index(index, size), size - 1), imm(0)); }
Ref<Expr> inside(const Ref<Expr>& index, const Ref<Expr>& size) { return index >= imm(0) && index < size; }

Ref<Expr> flatten(const Indices& i, const Shape& shape) {
  Ref<Expr> n = imm(0);
  for (size_t d = 0; d < i.size(); ++d) n = n * shape[d] + i[d];
  return n;
}
Indices unflatten(const Ref<Expr>& n, const Shape& shape) {
  Indices out(shape.size(), imm(0));
  Ref<Expr> rest = n;
  for (size_t d = shape.size(); d-- > 0;) {
    out[d] = d == 0 ? rest : floormod(rest, shape[d]);
    if (d) rest = floordiv(rest, shape[d]);
  }
  return out;
}

} // namespace tw::ops
