// SPDX-License-Identifier: Apache-2.0
// Arithmetic of one value at every width, as ir/nodes/shared.h states it: wrapping integers, floor division, floats rounded after each
// operation, saturating casts from floats.
#include "interpreter/machine.h"

#include "ir/intrinsics.h"

#include <cmath>
#include <cstring>
#include <type_traits>

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
// What a `Use` makes of an operation on values: a closure over the code of its operands, or a loop over rows of them.
struct OverCode {
  Code a, b;
  template <class F> Code operator()(F f) const {
    if constexpr (std::is_invocable_v<F, Value>) return [f, a = a](Frame& m) { return f(a(m)); };
    else return [f, a = a, b = b](Frame& m) { return f(a(m), b(m)); };
  }
};
struct OverRows {
  template <class F> RowOperation operator()(F f) const {
    return [f]([[maybe_unused]] const Value* a, [[maybe_unused]] const Value* b, Value* out, size_t count) {
      if constexpr (std::is_invocable_v<F, Value>)
        for (size_t i = 0; i < count; ++i) out[i] = f(a[i]);
      else
        for (size_t i = 0; i < count; ++i) out[i] = f(a[i], b[i]);
    };
  }
};

// One function for each way to finish: nothing for 64 bits, a conversion for f32, the general rule for the rest.
template <class Use, class F> auto on_floats(DType type, const Use& use, F f) {
  if (type.bits == 64) return use([=](Value a, Value b) { return real(f(a.f, b.f)); });
  if (type.bits == 32) return use([=](Value a, Value b) { return real(static_cast<float>(f(a.f, b.f))); });
  return use([=](Value a, Value b) { return real(round_to(type, f(a.f, b.f))); });
}
template <class Use, class F> auto on_ints(DType type, const Use& use, F f) {
  if (type.bits == 64) return use([=](Value a, Value b) { return integer(f(a.i, b.i)); });
  return use([=](Value a, Value b) { return integer(wrap_to(type, f(a.i, b.i))); });
}
template <class Use, class F> auto compare(DType type, const Use& use, F f) {
  if (type.is_float()) return use([=](Value a, Value b) { return integer(f(a.f, b.f)); });
  if (type == u64) return use([=](Value a, Value b) { return integer(f(static_cast<uint64_t>(a.i), static_cast<uint64_t>(b.i))); });
  return use([=](Value a, Value b) { return integer(f(a.i, b.i)); });
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

template <class Use> auto float_binary(BinaryOp op, DType type, const Use& use) {
  switch (op) {
  case BinaryOp::add: return on_floats(type, use, [](double x, double y) { return x + y; });
  case BinaryOp::sub: return on_floats(type, use, [](double x, double y) { return x - y; });
  case BinaryOp::mul: return on_floats(type, use, [](double x, double y) { return x * y; });
  case BinaryOp::div: return on_floats(type, use, [](double x, double y) { return x / y; });
  case BinaryOp::floordiv: return on_floats(type, use, [](double x, double y) { return std::floor(x / y); });
  case BinaryOp::floormod:
    return on_floats(type, use, [](double x, double y) {
      double r = std::fmod(x, y);
      return r != 0 && (r < 0) != (y < 0) ? r + y : r;
    });
  case BinaryOp::min: return on_floats(type, use, [](double x, double y) { return std::isnan(x) || x < y ? x : y; });
  case BinaryOp::max: return on_floats(type, use, [](double x, double y) { return std::isnan(x) || x > y ? x : y; });
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

template <class Use> auto int_binary(BinaryOp op, DType type, const Use& use) {
  using U = uint64_t;
  bool wide = type == u64;
  switch (op) {
  case BinaryOp::add: return on_ints(type, use, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) + U(y)); });
  case BinaryOp::sub: return on_ints(type, use, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) - U(y)); });
  case BinaryOp::mul: return on_ints(type, use, [](int64_t x, int64_t y) { return static_cast<int64_t>(U(x) * U(y)); });
  case BinaryOp::floordiv:
    if (wide)
      return on_ints(type, use, [](int64_t x, int64_t y) { return y == 0 ? (division_by_zero(), 0) : static_cast<int64_t>(U(x) / U(y)); });
    return on_ints(type, use, floor_quotient);
  case BinaryOp::floormod:
    if (wide)
      return on_ints(type, use, [](int64_t x, int64_t y) { return y == 0 ? (division_by_zero(), 0) : static_cast<int64_t>(U(x) % U(y)); });
    return on_ints(type, use, floor_remainder);
  case BinaryOp::min: return on_ints(type, use, [wide](int64_t x, int64_t y) { return (wide ? U(x) < U(y) : x < y) ? x : y; });
  case BinaryOp::max: return on_ints(type, use, [wide](int64_t x, int64_t y) { return (wide ? U(x) > U(y) : x > y) ? x : y; });
  case BinaryOp::logical_and:
  case BinaryOp::bit_and: return on_ints(type, use, [](int64_t x, int64_t y) { return x & y; });
  case BinaryOp::logical_or:
  case BinaryOp::bit_or: return on_ints(type, use, [](int64_t x, int64_t y) { return x | y; });
  case BinaryOp::bit_xor: return on_ints(type, use, [](int64_t x, int64_t y) { return x ^ y; });
  case BinaryOp::shift_left: return on_ints(type, use, [type](int64_t x, int64_t y) { return shift_left(type, x, y); });
  case BinaryOp::shift_right: return on_ints(type, use, [type](int64_t x, int64_t y) { return shift_right(type, x, y); });
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

template <class Use> auto binary(BinaryOp op, DType type, const Use& use) {
  switch (op) {
  case BinaryOp::eq: return compare(type, use, [](auto x, auto y) { return x == y; });
  case BinaryOp::ne: return compare(type, use, [](auto x, auto y) { return x != y; });
  case BinaryOp::lt: return compare(type, use, [](auto x, auto y) { return x < y; });
  case BinaryOp::le: return compare(type, use, [](auto x, auto y) { return x <= y; });
  case BinaryOp::gt: return compare(type, use, [](auto x, auto y) { return x > y; });
  case BinaryOp::ge: return compare(type, use, [](auto x, auto y) { return x >= y; });
  default: return type.is_float() ? float_binary(op, type, use) : int_binary(op, type, use);
  }
}

template <class Use> auto unary(UnaryOp op, DType type, const Use& use) {
  switch (op) {
  case UnaryOp::neg:
    if (type.is_float()) return use([](Value a) { return real(-a.f); });
    return use([type](Value a) { return integer(wrap_to(type, static_cast<int64_t>(0 - static_cast<uint64_t>(a.i)))); });
  case UnaryOp::logical_not: return use([](Value a) { return integer(!a.i); });
  case UnaryOp::bit_not: return use([type](Value a) { return integer(wrap_to(type, ~a.i)); });
  }
  throw internal_error("unknown unary operation");
}

template <class Use> auto cast(DType to, DType from, const Use& use) {
  if (to == from) return use([](Value a) { return a; });
  if (to.is_bool()) {
    if (from.is_float()) return use([](Value a) { return integer(a.f != 0); });
    return use([](Value a) { return integer(a.i != 0); });
  }
  if (from.is_float()) {
    if (to.is_float()) return use([to](Value a) { return real(round_to(to, a.f)); });
    return use([to](Value a) { return integer(saturate(to, a.f)); });
  }
  if (to.is_int()) return use([to](Value a) { return integer(wrap_to(to, a.i)); });
  // To a narrower float in one step: by way of double, large integers would round twice.
  bool wide = from == u64;
  if (to == f64)
    return use([wide](Value a) { return real(wide ? static_cast<double>(static_cast<uint64_t>(a.i)) : static_cast<double>(a.i)); });
  return use(
      [wide, to](Value a) { return real(round_to(to, wide ? static_cast<float>(static_cast<uint64_t>(a.i)) : static_cast<float>(a.i))); });
}

} // namespace

Code unary_code(UnaryOp op, DType type, Code a) { return unary(op, type, OverCode{std::move(a), {}}); }
Code binary_code(BinaryOp op, DType type, Code a, Code b) { return binary(op, type, OverCode{std::move(a), std::move(b)}); }
Code cast_code(DType to, DType from, Code a) { return to == from ? a : cast(to, from, OverCode{std::move(a), {}}); }
RowOperation unary_rows(UnaryOp op, DType type) { return unary(op, type, OverRows{}); }
RowOperation binary_rows(BinaryOp op, DType type) { return binary(op, type, OverRows{}); }
RowOperation cast_rows(DType to, DType from) { return cast(to, from, OverRows{}); }

RowCall call_rows(const Call& e) {
  const Intrinsic& row = find_intrinsic(e.intrinsic);
  DType type = e.dtype.element(), from = e.args[0]->dtype.element();
  if (e.intrinsic == "dot_pairs" && from == i32)
    return [](const Value* const* args, Value* out, size_t count) {
      auto half = [](int64_t v, int shift) { return int64_t{static_cast<int16_t>(v >> shift)}; };
      for (size_t i = 0; i < count; ++i) {
        int64_t a = args[0][i].i, b = args[1][i].i;
        out[i] = integer(wrap_to(i32, half(a, 0) * half(b, 0) + half(a, 16) * half(b, 16)));
      }
    };
  if (!from.is_float()) {
    if (e.intrinsic != "abs") throw internal_error("intrinsic '{}' is not defined on {}", row.name, to_string(from));
    return [type](const Value* const* args, Value* out, size_t count) {
      for (size_t i = 0; i < count; ++i) {
        int64_t v = args[0][i].i;
        out[i] = integer(v < 0 && type.is_signed() ? wrap_to(type, static_cast<int64_t>(0 - static_cast<uint64_t>(v))) : v);
      }
    };
  }
  if (!row.evaluate) throw internal_error("intrinsic '{}' has no value", row.name);
  if (e.args.size() > most_arguments) throw internal_error("intrinsic '{}' has more than {} arguments", row.name, most_arguments);
  return [type, evaluate = row.evaluate, arity = e.args.size()](const Value* const* args, Value* out, size_t count) {
    double values[most_arguments];
    for (size_t i = 0; i < count; ++i) {
      for (size_t a = 0; a < arity; ++a) values[a] = args[a][i].f;
      double result = evaluate(std::span<const double>(values, arity));
      out[i] = type.is_float() ? real(round_to(type, result)) : integer(result != 0);
    }
  };
}

namespace {
template <class T> T get(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
} // namespace

Value read_element(DType type, const std::byte* at) {
  if (type == f32) return real(get<float>(at));
  if (type == f64) return real(get<double>(at));
  if (type == f16) return real(half_to_float(get<uint16_t>(at)));
  if (type == bf16) return real(bfloat_to_float(get<uint16_t>(at)));
  if (type.is_bool()) return integer(get<uint8_t>(at) != 0);
  switch (type.bits) {
  case 8: return integer(type.is_signed() ? get<int8_t>(at) : get<uint8_t>(at));
  case 16: return integer(type.is_signed() ? get<int16_t>(at) : get<uint16_t>(at));
  case 32: return integer(type.is_signed() ? int64_t{get<int32_t>(at)} : int64_t{get<uint32_t>(at)});
  default: return integer(get<int64_t>(at));
  }
}

void write_element(DType type, std::byte* at, Value v) {
  if (type == f32) {
    float narrow = static_cast<float>(v.f);
    std::memcpy(at, &narrow, 4);
  } else if (type == f16 || type == bf16) {
    uint16_t bits = type == f16 ? float_to_half(static_cast<float>(v.f)) : float_to_bfloat(static_cast<float>(v.f));
    std::memcpy(at, &bits, 2);
  } else {
    std::memcpy(at, &v, static_cast<size_t>(type.bytes()));
  }
}

} // namespace tw::interpreter
