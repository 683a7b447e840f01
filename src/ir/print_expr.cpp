// SPDX-License-Identifier: Apache-2.0
// Expressions, types, constants, attribute values. A literal is bare where its type is implied (print.h: implied_type), else `i32(4)`.
#include "ir/print.h"

#include <cmath>
#include <cstring>

namespace tw::print {
namespace {

bool is_literal(const Node* n) { return as<FloatImm>(n) || (as<IntImm>(n) && as<IntImm>(n)->type != boolean); }

std::string with_point(std::string text) { return text.find_first_of(".en") == std::string::npos ? text + ".0" : text; }

} // namespace

std::string float_text(double value, DType type) {
  if (std::isnan(value)) {
    uint64_t bits = std::bit_cast<uint64_t>(value);
    return bits == 0x7ff8000000000000u ? "nan" : fmt::format("nan(0x{:016x})", bits);
  }
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return with_point(type.element() == f64 ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value)));
}

std::string Printer::typed_literal(DType type, bool real, const std::string& digits, const Hint& hint) {
  if (type.element() == boolean || implied_type(real, hint) == type) return digits;
  return fmt::format("{}({})", to_string(type), digits);
}

// Two operands of one type: where one is a literal, the other gives its type. The parser does the same (parse_expr.cpp: pair).
std::string Printer::pair(const Node* a, const Node* b, const Hint& hint, std::string_view separator, int left_level, int right_level) {
  Hint left = hint, right = hint;
  if (is_literal(a) && !is_literal(b)) left = as<Expr>(b)->dtype;
  if (is_literal(b) && !is_literal(a)) right = as<Expr>(a)->dtype;
  std::string first = expr(a, left, left_level);
  return first + std::string(separator) + expr(b, right, right_level);
}

std::string Printer::binary_expr(const Binary& e, const Hint& hint, int level) {
  bool compares = e.op >= BinaryOp::eq && e.op <= BinaryOp::ge;
  Hint inside = compares ? Hint() : hint;
  const char* symbol = syntax::symbol_of(e.op);
  if (!symbol) return fmt::format("{}({})", name_of(e.op), pair(e.a.node(), e.b.node(), inside, ", ", 0, 0));
  int own = syntax::level_of(e.op);
  std::string text = pair(e.a.node(), e.b.node(), inside, fmt::format(" {} ", symbol), compares ? own + 1 : own, own + 1);
  return own < level ? "(" + text + ")" : text;
}

std::string Printer::call(const Call& e, const Hint& hint) {
  Hint literal = hint;
  for (const auto& a : e.args)
    if (!is_literal(a.node())) {
      literal = a->dtype;
      break;
    }
  std::vector<std::string> parts;
  bool plain = syntax::is_identifier(e.intrinsic.str()) && !is_expression_word(e.intrinsic.str());
  if (!plain) parts.push_back(syntax::quote(e.intrinsic.str()));
  for (const auto& a : e.args) parts.push_back(expr(a.node(), is_literal(a.node()) ? literal : Hint()));
  return fmt::format("{}({})", plain ? e.intrinsic.str() : "call", join(parts));
}

std::string Printer::lambda(const Lambda& e, int level) {
  for (const auto& p : e.params)
    if (facts(*p, i64) != "Dim()") return generic(&e);
  NameScope scope(*this);
  std::vector<std::string> params, results;
  for (const auto& p : e.params) params.push_back(define(p.node()));
  for (const auto& r : e.results) results.push_back(expr(r.node()));
  bool lone = results.size() == 1;
  std::string text = fmt::format("lambda{}{}: {}", params.empty() ? "" : " ", join(params), lone ? results[0] : tuple_text(results));
  return level > 0 ? "(" + text + ")" : text;
}

std::string Printer::expr(const Node* n, const Hint& hint, int level) {
  auto unary = [&](const char* symbol, const Ref<Expr>& a, int own, const Hint& inside) {
    // -(5) is a negation, -5 a literal.
    std::string operand = is_literal(a.node()) ? "(" + expr(a.node(), inside) + ")" : expr(a.node(), inside, own);
    return own < level ? fmt::format("({}{})", symbol, operand) : symbol + operand;
  };
  if (as<Var>(n)) return name(n);
  if (options_.fields) return generic(n);
  if (const auto* e = as<IntImm>(n)) {
    if (e->type == boolean) return e->value ? "True" : "False";
    std::string digits = e->type.element() == u64 ? fmt::format("{}", static_cast<uint64_t>(e->value)) : fmt::format("{}", e->value);
    if (e->type.element() == boolean) return fmt::format("{}({})", to_string(e->type), digits);
    return typed_literal(e->type, false, digits, hint);
  }
  if (const auto* e = as<FloatImm>(n)) return typed_literal(e->type, true, float_text(e->value, e->type), hint);
  if (const auto* e = as<Unary>(n)) {
    if (e->op == UnaryOp::logical_not) return unary("not ", e->a, syntax::not_level, {});
    return unary(e->op == UnaryOp::neg ? "-" : "~", e->a, syntax::unary_level, hint);
  }
  if (const auto* e = as<Binary>(n)) return binary_expr(*e, hint, level);
  if (const auto* e = as<Cast>(n)) {
    bool ambiguous = as<IntImm>(e->value) || as<FloatImm>(e->value);
    return fmt::format("{}{}{})", ambiguous ? "cast(" : "", to_string(e->to) + (ambiguous ? ", " : "("), expr(e->value.node()));
  }
  if (const auto* e = as<Select>(n)) {
    // Python's order: a if cond else b. The condition takes no hint from outside.
    Hint left = hint, right = hint;
    if (is_literal(e->a.node()) && !is_literal(e->b.node())) left = e->b->dtype;
    if (is_literal(e->b.node()) && !is_literal(e->a.node())) right = e->a->dtype;
    std::string a = expr(e->a.node(), left, 1), cond = expr(e->cond.node(), {}, 1), b = expr(e->b.node(), right, 0);
    std::string text = fmt::format("{} if {} else {}", a, cond, b);
    return level > 0 ? "(" + text + ")" : text;
  }
  if (const auto* e = as<Ramp>(n)) return fmt::format("ramp({}, {})", pair(e->base.node(), e->stride.node(), {}, ", ", 0, 0), e->lanes);
  if (const auto* e = as<Broadcast>(n)) return fmt::format("broadcast({}, {})", expr(e->value.node()), e->lanes);
  if (const auto* e = as<Shuffle>(n)) return fmt::format("shuffle({}, {})", tuple(e->vectors), attr_value(e->indices));
  if (const auto* e = as<Load>(n)) {
    std::string text = target(e->buffer.node(), e->index);
    return e->mask ? fmt::format("load({}, mask={})", text, expr(e->mask.node())) : text;
  }
  if (const auto* e = as<Call>(n)) return call(*e, hint);
  if (const auto* e = as<Lambda>(n)) return lambda(*e, level);
  return generic(n);
}

std::string Printer::tuple(const List<Ref<Expr>>& items) {
  std::vector<std::string> parts;
  for (const auto& i : items) parts.push_back(expr(i.node()));
  return tuple_text(parts);
}

std::string Printer::index_list(const List<Ref<Expr>>& index) {
  std::vector<std::string> parts;
  for (const auto& i : index) parts.push_back(expr(i.node()));
  return parts.empty() ? "()" : join(parts);
}

std::string Printer::target(const Node* buffer, const List<Ref<Expr>>& index) {
  return fmt::format("{}[{}]", name(buffer), index_list(index));
}

std::string Printer::region(const Region& r) {
  if (r.begin.size() != r.extent.size()) return generic(&r);
  std::vector<std::string> parts;
  for (size_t i = 0; i < r.begin.size(); ++i) {
    const Ref<Expr>&b = r.begin[i], &e = r.extent[i];
    auto low = as_int(b), high = as_int(e);
    int64_t end = 0;
    if (b->dtype != i64 || e->dtype != i64) return generic(&r);
    if (high == 1) parts.push_back(expr(b.node()));
    else if (low == 0) parts.push_back("0:" + expr(e.node()));
    else if (low && high && !__builtin_add_overflow(*low, *high, &end)) parts.push_back(fmt::format("{}:{}", *low, end));
    else parts.push_back(fmt::format("{} : {}", expr(b.node()), expr(make(Binary{.op = BinaryOp::add, .a = b, .b = e}).node())));
  }
  return fmt::format("{}[{}]", name(r.buffer.node()), parts.empty() ? "()" : join(parts));
}

std::string Printer::type(const Node* n) {
  if (options_.fields) return generic(n);
  if (const auto* t = as<TensorType>(n)) return fmt::format("Tensor[{}, {}]", tuple(t->shape), to_string(t->element));
  if (const auto* t = as<SequenceType>(n)) return fmt::format("Sequence[{}]", type(t->item.node()));
  if (const auto* t = as<OptionalType>(n)) return fmt::format("Optional[{}]", type(t->item.node()));
  if (const auto* t = as<TupleType>(n)) {
    std::vector<std::string> items;
    for (const auto& i : t->items) items.push_back(type(i.node()));
    return fmt::format("Tuple[{}]", items.empty() ? "()" : join(items));
  }
  return generic(n);
}

// ---- constants

namespace {
// Empty: not a plain number of the type (a NaN with payload, a bool that is neither 0 nor 1).
std::string element_text(const std::byte* p, DType type) {
  auto read = [&]<class T>(T) {
    T v;
    std::memcpy(&v, p, sizeof(T));
    return v;
  };
  auto real = [&](double v, bool canonical) { return canonical ? float_text(v, type) : std::string(); };
  if (type == f32) return real(read(float()), !std::isnan(read(float())) || read(uint32_t()) == 0x7fc00000);
  if (type == f64) return real(read(double()), !std::isnan(read(double())) || read(uint64_t()) == 0x7ff8000000000000u);
  if (type == f16) return real(half_to_float(read(uint16_t())), !std::isnan(half_to_float(read(uint16_t()))) || read(uint16_t()) == 0x7e00);
  if (type == bf16)
    return real(bfloat_to_float(read(uint16_t())), !std::isnan(bfloat_to_float(read(uint16_t()))) || read(uint16_t()) == 0x7fc0);
  if (type == boolean) return read(uint8_t()) == 0 ? "False" : read(uint8_t()) == 1 ? "True" : "";
  switch (type.bits) {
  case 8: return type.is_signed() ? fmt::format("{}", read(int8_t())) : fmt::format("{}", read(uint8_t()));
  case 16: return type.is_signed() ? fmt::format("{}", read(int16_t())) : fmt::format("{}", read(uint16_t()));
  case 32: return type.is_signed() ? fmt::format("{}", read(int32_t())) : fmt::format("{}", read(uint32_t()));
  case 64: return type.is_signed() ? fmt::format("{}", read(int64_t())) : fmt::format("{}", read(uint64_t()));
  default: return "";
  }
}
} // namespace

std::string Printer::constant(const Constant& c) {
  constexpr size_t most_elements = 16;
  DType type = c.type->element;
  std::string head = fmt::format("constant({}, {}, ", to_string(type), tuple(c.type->shape));
  size_t width = static_cast<size_t>(type.bytes()), count = 1;
  std::vector<int64_t> sizes = *static_shape(c.type->shape);
  for (int64_t size : sizes) count = size < 0 || count > most_elements ? most_elements + 1 : count * static_cast<size_t>(size);
  if (type.lanes != 1 || count > most_elements || c.data.size() != count * width)
    return head + (count > most_elements ? fmt::format("hash=\"{}\")", c.data.hash().hex()) : blob_text(c.data) + ")");
  auto bytes = c.data.bytes();
  std::vector<std::string> elements;
  for (size_t i = 0; i < count; ++i) {
    elements.push_back(element_text(bytes.data() + i * width, type));
    if (elements.back().empty()) return head + blob_text(c.data) + ")";
  }
  return fmt::format("{}[{}])", head, join(elements));
}

// ---- attributes

std::string Printer::attr_value(const Attr::Value& v) {
  auto list = [](const auto& items, const char* empty, auto text) {
    std::vector<std::string> parts;
    for (const auto& x : items) parts.push_back(text(x));
    return parts.empty() ? std::string(empty) : tuple_text(parts);
  };
  auto real = [](double x) { return float_text(x, f64); };
  auto text = [](const Name& x) { return syntax::quote(x.str()); };
  if (const auto* x = std::get_if<bool>(&v)) return *x ? "True" : "False";
  if (const auto* x = std::get_if<int64_t>(&v)) return fmt::format("{}", *x);
  if (const auto* x = std::get_if<double>(&v)) return real(*x);
  if (const auto* x = std::get_if<Name>(&v)) return text(*x);
  if (const auto* x = std::get_if<DType>(&v)) return to_string(*x);
  if (const auto* x = std::get_if<List<int64_t>>(&v)) return list(*x, "()", [](int64_t i) { return fmt::format("{}", i); });
  if (const auto* x = std::get_if<List<double>>(&v)) return list(*x, "floats()", real);
  if (const auto* x = std::get_if<List<Name>>(&v)) return list(*x, "strings()", text);
  if (const auto* x = std::get_if<Opt<Type>>(&v)) return *x ? type(x->node()) : "type(None)";
  if (const auto* x = std::get_if<List<Ref<Expr>>>(&v)) {
    std::vector<std::string> parts;
    for (const auto& e : *x) parts.push_back(expr(e.node()));
    return fmt::format("sizes({})", join(parts));
  }
  const auto& e = std::get<Opt<Expr>>(v);
  if (!e) return "expr(None)";
  bool literal = as<IntImm>(e) || as<FloatImm>(e) || as<Call>(e);
  return literal || options_.fields ? fmt::format("expr({})", expr(e.node())) : expr(e.node());
}

std::string Printer::attr_arguments(const List<Ref<Attr>>& attrs, std::unordered_set<std::string> used) {
  std::vector<std::string> parts;
  for (const auto& a : attrs) {
    const std::string& id = a->name.str();
    std::string text = attr_value(a->value);
    bool plain = syntax::is_identifier(id) && !syntax::is_reserved(id) && used.insert(id).second;
    parts.push_back(plain ? fmt::format("{}={}", id, text) : fmt::format("**{{{}: {}}}", syntax::quote(id), text));
  }
  return join(parts);
}

} // namespace tw::print
