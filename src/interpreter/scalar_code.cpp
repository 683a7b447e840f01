// SPDX-License-Identifier: Apache-2.0
// Arithmetic of one value at every width, as ir/nodes/shared.h states it: wrapping integers, floor division, floats rounded after each
// operation, saturating casts from floats.
#include "interpreter/machine.h"

#include <cmath>

namespace tw::interpreter {

double round_to(DType type, double value) {
  if (type.bits == 64) return value;
  float narrow = static_cast<float>(value);
  if (type.bits == 32) return narrow;
  return type.code == DTypeCode::brain_float ? bfloat_to_float(float_to_bfloat(narrow)) : half_to_float(float_to_half(narrow));
}

int64_t wrap_to(DType type, int64_t value) {
  if (type.is_bool()) return value & 1;
  if (type.bits == 64) return value;
  int shift = 64 - type.bits;
  auto up = static_cast<uint64_t>(value) << shift;
  return type.is_signed() ? static_cast<int64_t>(up) >> shift : static_cast<int64_t>(up >> shift);
}

namespace {
// One closure for each way to finish: nothing for 64 bits, a conversion for f32, the general rule for the rest.
template <class F> Code on_floats(DType type, Code a, Code b, F f) {
  if (type.bits == 64) return [=](Frame& m) { return real(f(a(m).f, b(m).f)); };
  if (type.bits == 32) return [=](Frame& m) { return real(static_cast<float>(f(a(m).f, b(m).f))); };
  return [=](Frame& m) { return real(round_to(type, f(a(m).f, b(m).f))); };
}
template <class F> Code on_ints(DType type, Code a, Code b, F f) {
  if (type.bits == 64) return [=](Frame& m) { return integer(f(a(m).i, b(m).i)); };
  return [=](Frame& m) { return integer(wrap_to(type, f(a(m).i, b(m).i))); };
}
template <class F> Code compare(DType type, Code a, Code b, F f) {
  if (type.is_float()) return [=](Frame& m) { return integer(f(a(m).f, b(m).f)); };
  if (type == u64) return [=](Frame& m) { return integer(f(static_cast<uint64_t>(a(m).i), static_cast<uint64_t>(b(m).i))); };
  return [=](Frame& m) { return integer(f(a(m).i, b(m).i)); };
}

[[noreturn]] void division_by_zero() { throw internal_error("a kernel divides by zero"); }
int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) division_by_zero();
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0));
}
int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == 0) division_by_zero();
  if (b == -1) return 0;
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

Code float_binary(BinaryOp op, DType type, Code a, Code b) {
  switch (op) {
  case BinaryOp::add: return on_floats(type, a, b, [](double x, double y) { return x + y; });
  case BinaryOp::sub: return on_floats(type, a, b, [](double x, double y) { return x - y; });
  case BinaryOp::mul: return on_floats(type, a, b, [](double x, double y) { return x * y; });
  case BinaryOp::div: return on_floats(type, a, b, [](double x, double y) { return x / y; });
  case BinaryOp::floordiv: return on_floats(type, a, b, [](double x, double y) { return std::floor(x / y); });
  case BinaryOp::floormod:
    return on_floats(type, a, b, [](double x, double y) {
      double r = std::fmod(x, y);
      return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    });
  case BinaryOp::min: return on_floats(type, a, b, [](double x, double y) { return std::isnan(x) || x < y ? x : y; });
  case BinaryOp::max: return on_floats(type, a, b, [](double x, double y) { return std::isnan(x) || x > y ? x : y; });
  default: throw internal_error("{} is not defined on {}", name_of(op), to_string(type));
  }
}

int64_t shift_left(DType type, int64_t a, int64_t b) {
  return static_cast<uint64_t>(b) >= type.bits ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
int64_t shift_right(DType type, int64_t a, int64_t b) {
  bool all = static_cast<uint64_t>(b) >= type.bits;
  if (type.is_signed()) return a >> (all ? 63 : b);
  return all ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) >> b);
}

Code int_binary(BinaryOp op, DType type, Code a, Code b) {
  using U = uint64_t;
  bool wide = type == u64;
  switch (op) {
  case BinaryOp::add: return on_ints(type, a, b, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) + U(y)); });
  case BinaryOp::sub: return on_ints(type, a, b, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) - U(y)); });
  case BinaryOp::mul: return on_ints(type, a, b, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) * U(y)); });
  case BinaryOp::floordiv:
    if (wide)
      return on_ints(type, a, b, [](int64_t x, int64_t y) { return y == 0 ? (division_by_zero(), 0) : static_cast<int64_t>(U(x) / U(y)); });
    return on_ints(type, a, b, floor_quotient);
  case BinaryOp::floormod:
    if (wide)
      return on_ints(type, a, b, [](int64_t x, int64_t y) { return y == 0 ? (division_by_zero(), 0) : static_cast<int64_t>(U(x) % U(y)); });
    return on_ints(type, a, b, floor_remainder);
  case BinaryOp::min: return on_ints(type, a, b, [wide](int64_t x, int64_t y) { return (wide ? U(x) < U(y) : x < y) ? x : y; });
  case BinaryOp::max: return on_ints(type, a, b, [wide](int64_t x, int64_t y) { return (wide ? U(x) > U(y) : x > y) ? x : y; });
  case BinaryOp::logical_and:
  case BinaryOp::bit_and: return on_ints(type, a, b, [](int64_t x, int64_t y) { return x & y; });
  case BinaryOp::logical_or:
  case BinaryOp::bit_or: return on_ints(type, a, b, [](int64_t x, int64_t y) { return x | y; });
  case BinaryOp::bit_xor: return on_ints(type, a, b, [](int64_t x, int64_t y) { return x ^ y; });
  case BinaryOp::shift_left: return on_ints(type, a, b, [type](int64_t x, int64_t y) { return shift_left(type, x, y); });
  case BinaryOp::shift_right: return on_ints(type, a, b, [type](int64_t x, int64_t y) { return shift_right(type, x, y); });
  default: throw internal_error("{} is not defined on {}", name_of(op), to_string(type));
  }
}

int64_t saturate(DType to, double value) {
  if (std::isnan(value)) return 0;
  if (to == u64) return value <= 0 ? 0 : value >= 0x1p64 ? -1 : static_cast<int64_t>(static_cast<uint64_t>(value));
  if (value <= static_cast<double>(min_value(to))) return min_value(to);
  if (value >= static_cast<double>(max_value(to))) return max_value(to);
  return static_cast<int64_t>(value);
}
} // namespace

Code unary_code(UnaryOp op, DType type, Code a) {
  switch (op) {
  case UnaryOp::neg:
    if (type.is_float()) return [a](Frame& m) { return real(-a(m).f); };
    return [a, type](Frame& m) { return integer(wrap_to(type, static_cast<int64_t>(0 - static_cast<uint64_t>(a(m).i)))); };
  case UnaryOp::logical_not: return [a](Frame& m) { return integer(!a(m).i); };
  case UnaryOp::bit_not: return [a, type](Frame& m) { return integer(wrap_to(type, ~a(m).i)); };
  }
  throw internal_error("unknown unary operation");
}

Code binary_code(BinaryOp op, DType type, Code a, Code b) {
  switch (op) {
  case BinaryOp::eq: return compare(type, a, b, [](auto x, auto y) { return x == y; });
  case BinaryOp::ne: return compare(type, a, b, [](auto x, auto y) { return x != y; });
  case BinaryOp::lt: return compare(type, a, b, [](auto x, auto y) { return x < y; });
  case BinaryOp::le: return compare(type, a, b, [](auto x, auto y) { return x <= y; });
  case BinaryOp::gt: return compare(type, a, b, [](auto x, auto y) { return x > y; });
  case BinaryOp::ge: return compare(type, a, b, [](auto x, auto y) { return x >= y; });
  default: return type.is_float() ? float_binary(op, type, a, b) : int_binary(op, type, a, b);
  }
}

Code cast_code(DType to, DType from, Code a) {
  if (to == from) return a;
  if (to.is_bool()) {
    if (from.is_float()) return [a](Frame& m) { return integer(a(m).f != 0); };
    return [a](Frame& m) { return integer(a(m).i != 0); };
  }
  if (from.is_float()) {
    if (to.is_float()) return [a, to](Frame& m) { return real(round_to(to, a(m).f)); };
    return [a, to](Frame& m) { return integer(saturate(to, a(m).f)); };
  }
  if (to.is_int()) return [a, to](Frame& m) { return integer(wrap_to(to, a(m).i)); };
  // To a narrower float in one step: by way of double, large integers would round twice.
  bool wide = from == u64;
  if (to == f64)
    return [a, wide](Frame& m) { return real(wide ? static_cast<double>(static_cast<uint64_t>(a(m).i)) : static_cast<double>(a(m).i)); };
  return [a, wide, to](Frame& m) {
    return real(round_to(to, wide ? static_cast<float>(static_cast<uint64_t>(a(m).i)) : static_cast<float>(a(m).i)));
  };
}

} // namespace tw::interpreter
