// SPDX-License-Identifier: Apache-2.0
// Plain loops for operators that are neither map nor fold: what Compute::raw takes.
#pragma once

#include "ops/op.h"

namespace tw::ops {

// A loop nest over the extents; the outermost loop runs in the given way.
Ref<Stmt> loops(const Shape& extents, const std::function<Ref<Stmt>(const Indices&)>& body, ForKind outer = ForKind::serial);
inline Ref<Stmt> loop(const Ref<Expr>& extent, const std::function<Ref<Stmt>(const Ref<Expr>&)>& body, ForKind how = ForKind::serial) {
  return loops(
      {extent}, [&](const Indices& i) { return body(i[0]); }, how);
}
inline Ref<Stmt> when(const Ref<Expr>& cond, const Ref<Stmt>& then) { return make(If{.cond = cond, .then = then}); }
inline Ref<Stmt> put(const Tensor& t, const Indices& i, const Ref<Expr>& value) { return store(t.buffer(), i, value); }
// let v = value in body
Ref<Stmt> let(const char* id, const Ref<Expr>& value, const std::function<Ref<Stmt>(const Ref<Expr>&)>& body);

// An index from data: negative counts from the end; clamped, so that it is always inside (for size > 0).
Ref<Expr> safe_index(const Ref<Expr>& index, const Ref<Expr>& size);
// The same without clamping, and the test whether it is inside.
Ref<Expr> wrapped_index(const Ref<Expr>& index, const Ref<Expr>& size);
Ref<Expr> inside(const Ref<Expr>& index, const Ref<Expr>& size);
// Row-major number of an index, and back.
Ref<Expr> flatten(const Indices& i, const Shape& shape);
Indices unflatten(const Ref<Expr>& n, const Shape& shape);

} // namespace tw::ops
