// SPDX-License-Identifier: Apache-2.0
// Short ways to write expressions in C++: literals, operators (which fold literals and drop neutral elements), shapes.
#pragma once

#include "ir/node_list.h"

namespace tw {

using E = Ref<Expr>;
using Shape = List<Ref<Expr>>;

Ref<Expr> imm(int64_t value, DType type = i64);
// A literal of any element type; integers are truncated from the double.
Ref<Expr> literal(double value, DType type);
Ref<Expr> zero(DType type);
// The smallest (largest) value of the type: -inf for floats.
Ref<Expr> lowest(DType type);
Ref<Expr> highest(DType type);
Ref<Var> var(Name id, DType type = i64);
Ref<Var> dim(Name id, int64_t min = 0, int64_t max = unbounded, int64_t multiple = 1);

// The value of an integer literal.
std::optional<int64_t> as_int(const Node* e);
template <class T> std::optional<int64_t> as_int(const Opt<T>& e) { return as_int(e.node()); }
bool is_int(const Node* e, int64_t value);
template <class T> bool is_int(const Opt<T>& e, int64_t value) { return is_int(e.node(), value); }

// Folds literals and drops neutral elements (x + 0, x * 1, x // 1, min(x, x)); never more: the simplifier is in arith.
Ref<Expr> binary(BinaryOp op, const E& a, const E& b);
Ref<Expr> operator+(const E& a, const E& b);
Ref<Expr> operator-(const E& a, const E& b);
Ref<Expr> operator*(const E& a, const E& b);
Ref<Expr> operator/(const E& a, const E& b); // floats
Ref<Expr> floordiv(const E& a, const E& b);
Ref<Expr> floormod(const E& a, const E& b);
Ref<Expr> ceildiv(const E& a, const E& b);
Ref<Expr> min(const E& a, const E& b);
Ref<Expr> max(const E& a, const E& b);
Ref<Expr> operator<(const E& a, const E& b);
Ref<Expr> operator<=(const E& a, const E& b);
Ref<Expr> operator>(const E& a, const E& b);
Ref<Expr> operator>=(const E& a, const E& b);
Ref<Expr> eq(const E& a, const E& b);
Ref<Expr> ne(const E& a, const E& b);
Ref<Expr> operator&&(const E& a, const E& b);
Ref<Expr> operator||(const E& a, const E& b);
Ref<Expr> operator!(const E& a);
Ref<Expr> operator-(const E& a);
Ref<Expr> operator+(const E& a, int64_t b);
Ref<Expr> operator-(const E& a, int64_t b);
Ref<Expr> operator*(const E& a, int64_t b);
Ref<Expr> floordiv(const E& a, int64_t b);
Ref<Expr> floormod(const E& a, int64_t b);
Ref<Expr> select(const E& cond, const E& a, const E& b);
Ref<Expr> cast(DType to, const E& value);
Ref<Expr> call(Name intrinsic, std::vector<Ref<Expr>> args);
Ref<Expr> load(const Ref<Buffer>& buffer, std::vector<Ref<Expr>> index);

Ref<Stmt> store(const Ref<Buffer>& buffer, std::vector<Ref<Expr>> index, const E& value);
// One statement: the only one, or a Seq with nested Seqs flattened.
Ref<Stmt> seq(std::vector<Ref<Stmt>> body);

Ref<TensorType> tensor_type(const Shape& shape, DType element);
Shape shape_of(std::initializer_list<int64_t> sizes);
Shape shape_of(std::span<const int64_t> sizes);
// All sizes, if all are literals.
std::optional<std::vector<int64_t>> static_shape(const Shape& shape);
// The product of the sizes; 1 for rank 0.
Ref<Expr> element_count(const Shape& shape);
// The type of a Value or Constant; a tensor's.
Ref<Type> type_of(const Node* operand);
Ref<TensorType> tensor_of(const Node* operand);
template <class T> Ref<TensorType> tensor_of(const Opt<T>& operand) { return tensor_of(operand.node()); }

} // namespace tw
