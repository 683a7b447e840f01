// SPDX-License-Identifier: Apache-2.0
#include "ir/build.h"

#include "ir/derived.h"

#include <cmath>

namespace tw {

Ref<Expr> imm(int64_t value, DType type) { return make(IntImm{.value = value, .type = type}); }
Ref<Expr> literal(double value, DType type) {
  if (type.is_float()) return make(FloatImm{.value = value, .type = type});
  return imm(static_cast<int64_t>(value), type);
}
Ref<Expr> zero(DType type) { return type.is_float() ? literal(0, type) : imm(0, type); }
Ref<Expr> lowest(DType type) { return type.is_float() ? literal(-INFINITY, type) : imm(min_value(type), type); }
Ref<Expr> highest(DType type) {
  if (type == u64) return imm(-1, u64);
  return type.is_float() ? literal(INFINITY, type) : imm(max_value(type), type);
}
Ref<Var> var(Name id, DType type) { return make(Var{.id = id, .type = type}); }
Ref<Var> dim(Name id, int64_t min, int64_t max, int64_t multiple) {
  return make(Var{.id = id, .type = i64, .min = min, .max = max, .multiple = multiple});
}

std::optional<int64_t> as_int(const Node* e) {
  if (const auto* x = as<IntImm>(e)) return x->value;
  return {};
}
bool is_int(const Node* e, int64_t value) { return as_int(e) == value; }

namespace {
int64_t floor_division(int64_t a, int64_t b) {
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}

std::optional<int64_t> fold(BinaryOp op, int64_t a, int64_t b, DType type) {
  auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  bool is_unsigned = type.is_unsigned();
  switch (op) {
  case BinaryOp::add: return static_cast<int64_t>(ua + ub);
  case BinaryOp::sub: return static_cast<int64_t>(ua - ub);
  case BinaryOp::mul: return static_cast<int64_t>(ua * ub);
  case BinaryOp::floordiv:
    if (b == 0) return {};
    return is_unsigned ? static_cast<int64_t>(ua / ub) : floor_division(a, b);
  case BinaryOp::floormod:
    if (b == 0) return {};
    if (is_unsigned) return static_cast<int64_t>(ua % ub);
    return b == -1 ? 0 : a - floor_division(a, b) * b;
  case BinaryOp::min: return is_unsigned ? static_cast<int64_t>(std::min(ua, ub)) : std::min(a, b);
  case BinaryOp::max: return is_unsigned ? static_cast<int64_t>(std::max(ua, ub)) : std::max(a, b);
  case BinaryOp::eq: return a == b;
  case BinaryOp::ne: return a != b;
  case BinaryOp::lt: return is_unsigned ? ua < ub : a < b;
  case BinaryOp::le: return is_unsigned ? ua <= ub : a <= b;
  case BinaryOp::gt: return is_unsigned ? ua > ub : a > b;
  case BinaryOp::ge: return is_unsigned ? ua >= ub : a >= b;
  case BinaryOp::logical_and: return a && b;
  case BinaryOp::logical_or: return a || b;
  case BinaryOp::bit_and: return a & b;
  case BinaryOp::bit_or: return a | b;
  case BinaryOp::bit_xor: return a ^ b;
  default: return {};
  }
}
} // namespace

Ref<Expr> binary(BinaryOp op, const E& a, const E& b) {
  auto x = as_int(a), y = as_int(b);
  DType type = a->dtype;
  if (x && y && a->dtype == b->dtype)
    if (auto value = fold(op, *x, *y, type)) return imm(*value, op >= BinaryOp::eq && op <= BinaryOp::ge ? boolean : type);
  if (type.is_int() && type.lanes == 1) {
    if (op == BinaryOp::add && x == 0) return b;
    if ((op == BinaryOp::add || op == BinaryOp::sub) && y == 0) return a;
    if (op == BinaryOp::mul && x == 1) return b;
    if ((op == BinaryOp::mul || op == BinaryOp::floordiv) && y == 1) return a;
    if (op == BinaryOp::mul && (x == 0 || y == 0)) return imm(0, type);
    if (op == BinaryOp::floormod && y == 1) return imm(0, type);
    if ((op == BinaryOp::min || op == BinaryOp::max) && a.same_as(b)) return a;
  }
  if (type == boolean) {
    if (op == BinaryOp::logical_and) return x ? (*x ? b : a) : y ? (*y ? a : b) : make(Binary{.op = op, .a = a, .b = b});
    if (op == BinaryOp::logical_or) return x ? (*x ? a : b) : y ? (*y ? b : a) : make(Binary{.op = op, .a = a, .b = b});
  }
  return make(Binary{.op = op, .a = a, .b = b});
}

Ref<Expr> operator+(const E& a, const E& b) { return binary(BinaryOp::add, a, b); }
Ref<Expr> operator-(const E& a, const E& b) { return binary(BinaryOp::sub, a, b); }
Ref<Expr> operator*(const E& a, const E& b) { return binary(BinaryOp::mul, a, b); }
Ref<Expr> operator/(const E& a, const E& b) { return binary(BinaryOp::div, a, b); }
Ref<Expr> floordiv(const E& a, const E& b) { return binary(BinaryOp::floordiv, a, b); }
Ref<Expr> floormod(const E& a, const E& b) { return binary(BinaryOp::floormod, a, b); }
Ref<Expr> ceildiv(const E& a, const E& b) { return floordiv(a + (b - 1), b); }
Ref<Expr> min(const E& a, const E& b) { return binary(BinaryOp::min, a, b); }
Ref<Expr> max(const E& a, const E& b) { return binary(BinaryOp::max, a, b); }
Ref<Expr> operator<(const E& a, const E& b) { return binary(BinaryOp::lt, a, b); }
Ref<Expr> operator<=(const E& a, const E& b) { return binary(BinaryOp::le, a, b); }
Ref<Expr> operator>(const E& a, const E& b) { return binary(BinaryOp::gt, a, b); }
Ref<Expr> operator>=(const E& a, const E& b) { return binary(BinaryOp::ge, a, b); }
Ref<Expr> eq(const E& a, const E& b) { return binary(BinaryOp::eq, a, b); }
Ref<Expr> ne(const E& a, const E& b) { return binary(BinaryOp::ne, a, b); }
Ref<Expr> operator&&(const E& a, const E& b) { return binary(BinaryOp::logical_and, a, b); }
Ref<Expr> operator||(const E& a, const E& b) { return binary(BinaryOp::logical_or, a, b); }
Ref<Expr> operator!(const E& a) {
  if (auto x = as_int(a)) return imm(!*x, boolean);
  return make(Unary{.op = UnaryOp::logical_not, .a = a});
}
Ref<Expr> operator-(const E& a) {
  if (auto x = as_int(a)) return imm(static_cast<int64_t>(0 - static_cast<uint64_t>(*x)), a->dtype);
  if (const auto* f = as<FloatImm>(a)) return literal(-f->value, f->type);
  return make(Unary{.op = UnaryOp::neg, .a = a});
}
Ref<Expr> operator+(const E& a, int64_t b) { return a + imm(b, a->dtype); }
Ref<Expr> operator-(const E& a, int64_t b) { return a - imm(b, a->dtype); }
Ref<Expr> operator*(const E& a, int64_t b) { return a * imm(b, a->dtype); }
Ref<Expr> floordiv(const E& a, int64_t b) { return floordiv(a, imm(b, a->dtype)); }
Ref<Expr> floormod(const E& a, int64_t b) { return floormod(a, imm(b, a->dtype)); }
Ref<Expr> select(const E& cond, const E& a, const E& b) {
  if (auto x = as_int(cond)) return *x ? a : b;
  return make(Select{.cond = cond, .a = a, .b = b});
}
Ref<Expr> cast(DType to, const E& value) {
  if (value->dtype.element() == to.element()) return value;
  if (auto x = as_int(value); x && to.is_float() && !(value->dtype == u64)) return literal(static_cast<double>(*x), to);
  if (auto x = as_int(value); x && to.is_int() && value->dtype.is_int()) return imm(*x, to);
  return make(Cast{.to = to.element(), .value = value});
}
Ref<Expr> call(Name intrinsic, std::vector<Ref<Expr>> args) { return make(Call{.intrinsic = intrinsic, .args = std::move(args)}); }
Ref<Expr> load(const Ref<Buffer>& buffer, std::vector<Ref<Expr>> index) { return make(Load{.buffer = buffer, .index = std::move(index)}); }

Ref<Stmt> store(const Ref<Buffer>& buffer, std::vector<Ref<Expr>> index, const E& value) {
  TW_CHECK(index.size() == buffer->shape.size(), "a store to {} with {} indices", buffer->id.str(), index.size());
  return make(Store{.buffer = buffer, .index = std::move(index), .value = value});
}
Ref<Stmt> seq(std::vector<Ref<Stmt>> body) {
  std::vector<Ref<Stmt>> flat;
  for (const auto& s : body) {
    if (const auto* inner = as<Seq>(s)) flat.insert(flat.end(), inner->body.begin(), inner->body.end());
    else flat.push_back(s);
  }
  return flat.size() == 1 ? flat[0] : make(Seq{.body = std::move(flat)});
}

Ref<TensorType> tensor_type(const Shape& shape, DType element) { return make(TensorType{.shape = shape, .element = element}); }
Shape shape_of(std::span<const int64_t> sizes) {
  std::vector<Ref<Expr>> out;
  for (int64_t s : sizes) out.push_back(imm(s));
  return Shape(std::move(out));
}
Shape shape_of(std::initializer_list<int64_t> sizes) { return shape_of(std::span<const int64_t>(sizes.begin(), sizes.size())); }
std::optional<std::vector<int64_t>> static_shape(const Shape& shape) {
  std::vector<int64_t> out;
  for (const auto& e : shape) {
    auto value = as_int(e);
    if (!value) return {};
    out.push_back(*value);
  }
  return out;
}
Ref<Expr> element_count(const Shape& shape) {
  Ref<Expr> count = imm(1);
  for (const auto& e : shape) count = count * e;
  return count;
}
Ref<Type> type_of(const Node* operand) {
  if (const auto* v = as<Value>(operand)) return v->type;
  if (const auto* c = as<Constant>(operand)) return c->type;
  throw internal_error("an operand is neither a value nor a constant");
}
Ref<TensorType> tensor_of(const Node* operand) {
  Ref<Type> type = type_of(operand);
  if (!as<TensorType>(type)) throw internal_error("expected a tensor, found a {}", kind_name(type.node()));
  return as_ref<TensorType>(type);
}

} // namespace tw
