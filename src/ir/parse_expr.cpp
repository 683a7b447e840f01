// SPDX-License-Identifier: Apache-2.0
// Expressions, regions and types. A bare literal takes the type that its place implies, by the rule that the printer uses (print.h).
#include "ir/intrinsics.h"
#include "ir/parse.h"

#include <charconv>
#include <cmath>

namespace tw::parse_detail {

namespace {
bool is_name(const Tree& t, std::string_view name) { return t.is(TreeKind::name) && t.text == name; }

struct Magnitude {
  bool negative;
  uint64_t value;
};
std::optional<Magnitude> read_integer(std::string_view text) {
  Magnitude out{text.starts_with("-"), 0};
  if (out.negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.value, base);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return out;
}
template <class T> std::optional<double> read_real(std::string_view text) {
  if (text == "inf") return INFINITY;
  if (text == "-inf") return -INFINITY;
  T value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}
} // namespace

// ---- literals

bool Parser::is_number(const Tree& t) const {
  if (t.is(TreeKind::integer) || t.is(TreeKind::real) || is_name(t, "nan") || t.calls("nan")) return true;
  if (t.is(TreeKind::name)) {
    if (names_.count(t.text)) return false;
    auto found = find(t.text);
    return found && (std::holds_alternative<int64_t>(*found) || std::holds_alternative<double>(*found));
  }
  return false;
}

bool Parser::is_literal(const Tree& t) const {
  if (is_number(t)) return true;
  return t.is(TreeKind::call) && t.children.size() == 2 && t.children[0].is(TreeKind::name) && parse_dtype(t.children[0].last_name()) &&
         is_number(t.children[1]);
}

Ref<Expr> Parser::number(const Tree& t, DType type) {
  if (is_name(t, "nan")) return number(t.at, std::bit_cast<double>(0x7ff8000000000000u), type);
  if (t.calls("nan")) {
    auto bits = read_integer(arguments(t, 1, 1, {}).plain[0]->text);
    double value = bits ? std::bit_cast<double>(bits->value) : 0;
    if (!std::isnan(value)) fail(t.at, "expected the 64 bits of a NaN, nan(0x7ff8…)");
    return number(t.at, value, type);
  }
  if (t.is(TreeKind::call)) {
    if (dtype(t.children[0]) != type) fail(t.at, fmt::format("expected a number of type {}", to_string(type)));
    return number(t.children[1], type);
  }
  if (t.is(TreeKind::name)) {
    auto found = find(t.text);
    if (const auto* real = found ? std::get_if<double>(&*found) : nullptr) return number(t.at, *real, type);
    if (const auto* whole = found ? std::get_if<int64_t>(&*found) : nullptr)
      return number(Tree{.kind = TreeKind::integer, .at = t.at, .text = fmt::format("{}", *whole)}, type);
    fail(t.at, "expected a number");
  }
  if (type.is_float()) {
    std::optional<double> value = type.element() == f64 ? read_real<double>(t.text) : read_real<float>(t.text);
    if (auto whole = read_integer(t.text); !value && whole) value = (whole->negative ? -1.0 : 1.0) * static_cast<double>(whole->value);
    if (!value) fail(t.at, fmt::format("{} is outside the range of {}", t.text, to_string(type)));
    return number(t.at, *value, type);
  }
  if (!t.is(TreeKind::integer)) fail(t.at, fmt::format("expected an integer of type {}, found {}", to_string(type), t.text));
  auto whole = read_integer(t.text);
  uint64_t limit = type.is_bool()       ? 1
                   : type.is_unsigned() ? ~uint64_t{0} >> (64 - type.bits)
                                        : (~uint64_t{0} >> (65 - type.bits)) + (whole && whole->negative);
  if (!whole || whole->value > limit || (whole->negative && whole->value && !type.is_signed()))
    fail(t.at, fmt::format("{} is outside the range of {}", t.text, to_string(type)));
  return build(t.at, IntImm{.value = static_cast<int64_t>(whole->negative ? 0 - whole->value : whole->value), .type = type});
}

Ref<Expr> Parser::number(size_t place, double value, DType type) {
  if (!type.is_float()) fail(place, fmt::format("expected a number of type {}, found {}", to_string(type), print::float_text(value, f64)));
  return build(place, FloatImm{.value = value, .type = type});
}

// ---- names and operators

Ref<Expr> Parser::name_expr(const Tree& t, const Hint& hint) {
  if (t.text == "True" || t.text == "False") return imm(t.text == "True", tw::boolean);
  if (is_name(t, "nan")) return number(t, print::implied_type(true, hint));
  auto found = find(t.text);
  if (!found) {
    if (parse_dtype(t.last_name()))
      fail(t.at, fmt::format("'{}' is a data type, not an expression", t.text), fmt::format("write {}(x) to convert", t.text));
    unknown(t, "the name");
  }
  if (const auto* b = std::get_if<bool>(&*found)) return imm(*b, tw::boolean);
  if (std::holds_alternative<int64_t>(*found)) return number(t, print::implied_type(false, hint));
  if (std::holds_alternative<double>(*found)) return number(t, print::implied_type(true, hint));
  const auto* node = std::get_if<Ref<Node>>(&*found);
  if (node && as<Expr>(*node)) return as_ref<Expr>(*node);
  if (node && as<Buffer>(*node))
    fail(t.at, fmt::format("'{}' is a buffer, not an expression", t.text), fmt::format("read an element: {}[…]", t.text));
  if (node && as<Operand>(*node)) fail(t.at, fmt::format("'{}' is a tensor, not an expression", t.text));
  fail(t.at, fmt::format("'{}' is not an expression", t.text));
}

std::pair<Ref<Expr>, Ref<Expr>> Parser::pair(const Tree& a, const Tree& b, const Hint& hint) {
  if (is_literal(a) && !is_literal(b)) {
    Ref<Expr> right = expr(b, hint);
    return {expr(a, right->dtype), right};
  }
  Ref<Expr> left = expr(a, hint);
  return {left, expr(b, is_literal(b) && !is_literal(a) ? Hint(left->dtype) : hint)};
}

Ref<Expr> Parser::binary(const Tree& t, const Hint& hint) {
  bool call = t.is(TreeKind::call);
  std::string symbol(call ? t.children[0].last_name() : std::string_view(t.text));
  if (call) arguments(t, 2, 2, {});
  BinaryOp op = call ? *parse_enum<BinaryOp>(symbol) : *syntax::operator_of(symbol);
  bool compares = op >= BinaryOp::eq && op <= BinaryOp::ge;
  const Tree &first = t.children[call ? 1 : 0], &second = t.children[call ? 2 : 1];
  auto [a, b] = pair(first, second, compares ? Hint() : hint);
  if (a->dtype != b->dtype)
    fail(t.at, fmt::format("'{}' of {} and {}", symbol, to_string(a->dtype), to_string(b->dtype)),
         fmt::format("both sides need one type; convert one: {}(…)", to_string(a->dtype.element())));
  if (op == BinaryOp::div && !a->dtype.is_float())
    fail(t.at, fmt::format("'/' of {}", to_string(a->dtype)), "integers are divided by '//'");
  if ((op == BinaryOp::logical_and || op == BinaryOp::logical_or) && !a->dtype.is_bool())
    fail(t.at, fmt::format("'{}' of {}", symbol, to_string(a->dtype)), "it takes bool; compare first");
  return build(t.at, Binary{.op = op, .a = a, .b = b});
}

Ref<Expr> Parser::unary(const Tree& t, const Hint& hint) {
  bool negation = t.text == "not";
  Ref<Expr> a = expr(t.children[0], negation ? Hint() : hint);
  if (negation && !a->dtype.is_bool()) fail(t.at, fmt::format("'not' of {}", to_string(a->dtype)), "it takes bool; compare first");
  if (t.text == "~" && a->dtype.is_float()) fail(t.at, fmt::format("'~' of {}", to_string(a->dtype)));
  UnaryOp op = negation ? UnaryOp::logical_not : t.text == "-" ? UnaryOp::neg : UnaryOp::bit_not;
  return build(t.at, Unary{.op = op, .a = a});
}

Ref<Expr> Parser::expr(const Tree& t, const Hint& hint) {
  switch (t.kind) {
  case TreeKind::integer: return number(t, print::implied_type(false, hint));
  case TreeKind::real: return number(t, print::implied_type(true, hint));
  case TreeKind::name: return name_expr(t, hint);
  case TreeKind::unary: return unary(t, hint);
  case TreeKind::binary: return binary(t, hint);
  case TreeKind::call: return call(t, hint);
  case TreeKind::subscript: return load(t, nullptr);
  case TreeKind::lambda: return lambda(t);
  case TreeKind::conditional: {
    Ref<Expr> cond = expr(t.children[1]);
    if (!cond->dtype.is_bool()) fail(t.children[1].at, fmt::format("a condition is bool, this is {}", to_string(cond->dtype)));
    auto [a, b] = pair(t.children[0], t.children[2], hint);
    if (a->dtype != b->dtype)
      fail(t.at, fmt::format("'if … else' of {} and {}", to_string(a->dtype), to_string(b->dtype)), "both need one type");
    return build(t.at, Select{.cond = cond, .a = a, .b = b});
  }
  case TreeKind::string: fail(t.at, "a string is not an expression here");
  case TreeKind::tuple: fail(t.at, "a tuple is not an expression here");
  default: fail(t.at, "expected an expression");
  }
}

// ---- calls

Ref<Expr> Parser::call(const Tree& t, const Hint& hint) {
  if (!t.children[0].is(TreeKind::name)) fail(t.at, "only names can be called");
  std::string name(t.children[0].last_name());
  if (name == "nan") return number(t, print::implied_type(true, hint));
  if (auto to = parse_dtype(name)) {
    const Tree& value = *arguments(t, 1, 1, {}).plain[0];
    if (is_number(value)) return number(value, *to);
    return build(t.at, Cast{.to = *to, .value = expr(value)});
  }
  if (name == "min" || name == "max") return binary(t, hint);
  if (name == "cast") {
    Arguments a = arguments(t, 2, 2, {});
    return build(t.at, Cast{.to = dtype(*a.plain[0]), .value = expr(*a.plain[1])});
  }
  if (name == "load") {
    Arguments a = arguments(t, 1, 1, {"mask"});
    return load(*a.plain[0], a.find("mask"));
  }
  if (name == "ramp") {
    Arguments a = arguments(t, 3, 3, {});
    auto [base, stride] = pair(*a.plain[0], *a.plain[1], {});
    return build(t.at, Ramp{.base = base, .stride = stride, .lanes = lanes(*a.plain[2])});
  }
  if (name == "broadcast") {
    Arguments a = arguments(t, 2, 2, {});
    return build(t.at, Broadcast{.value = expr(*a.plain[0]), .lanes = lanes(*a.plain[1])});
  }
  if (name == "shuffle") {
    Arguments a = arguments(t, 2, 2, {});
    std::vector<int64_t> order;
    if (!a.plain[1]->is(TreeKind::tuple)) fail(a.plain[1]->at, "expected a tuple of lanes");
    for (const Tree& i : a.plain[1]->children) order.push_back(integer(i, "a lane"));
    return build(t.at, Shuffle{.vectors = expr_tuple(*a.plain[0], "the vectors"), .indices = std::move(order)});
  }
  if (name == "call") {
    if (t.children.size() < 2) fail(t.at, "'call' needs the name of an intrinsic");
    return intrinsic(t, string(t.children[1], "the name"), 1, hint);
  }
  if (is_generic(t)) {
    Opt<Node> made = generic(t);
    if (!as<Expr>(made)) fail(t.at, fmt::format("a {} is not an expression", name));
    return as_ref<Expr>(made);
  }
  return intrinsic(t, name, 0, hint);
}

int64_t Parser::lanes(const Tree& t) {
  int64_t count = integer(t, "the number of lanes");
  if (count < 1 || count > 32767) fail(t.at, fmt::format("expected 1 to 32767 lanes, found {}", count));
  return count;
}

Ref<Expr> Parser::intrinsic(const Tree& t, const std::string& name, size_t skip, const Hint& hint) {
  const Intrinsic* row = lookup_intrinsic(name);
  if (!row) {
    std::vector<std::string> known{"min", "max", "cast", "load", "ramp", "broadcast", "shuffle"};
    for (const Intrinsic& each : all_intrinsics()) known.push_back(each.name);
    auto near = syntax::nearest(name, known);
    fail(t.at, fmt::format("there is no intrinsic '{}'", name), near ? fmt::format("did you mean '{}'?", *near) : "");
  }
  Arguments given = arguments(t, skip);
  if (!given.named.empty()) fail(given.named[0]->at, fmt::format("arguments of '{}' have no names", name));
  if (static_cast<int>(given.plain.size()) != row->arity)
    fail(t.at, fmt::format("'{}' takes {} argument{}, found {}", name, row->arity, row->arity == 1 ? "" : "s", given.plain.size()));
  std::vector<Opt<Expr>> made(given.plain.size());
  Hint literal = hint;
  bool known = false;
  for (size_t i = 0; i < made.size(); ++i) {
    if (is_literal(*given.plain[i])) continue;
    made[i] = expr(*given.plain[i]);
    if (!known) literal = made[i]->dtype;
    known = true;
  }
  std::vector<Ref<Expr>> args;
  for (size_t i = 0; i < made.size(); ++i) args.push_back(made[i] ? Ref<Expr>(made[i].node(), 0) : expr(*given.plain[i], literal));
  return build(t.at, Call{.intrinsic = name, .args = std::move(args)});
}

Ref<Expr> Parser::lambda(const Tree& t) {
  Names scope(*this);
  std::vector<Ref<Var>> params;
  for (size_t i = 0; i + 1 < t.children.size(); ++i) {
    params.push_back(make(Var{.id = t.children[i].text}));
    bind(t.children[i].at, t.children[i].text, params.back());
  }
  const Tree& result = t.children.back();
  std::vector<Ref<Expr>> results;
  if (result.is(TreeKind::tuple))
    for (const Tree& r : result.children) results.push_back(expr(r));
  else results.push_back(expr(result));
  return build(t.at, Lambda{.params = std::move(params), .results = std::move(results)});
}

// ---- buffers

Ref<Buffer> Parser::buffer_of(const Tree& t) {
  if (!t.is(TreeKind::subscript)) fail(t.at, "expected an element or a region of a buffer, A[…]");
  Opt<Node> found = find_node(t.children[0]);
  if (!as<Buffer>(found)) {
    if (t.children[0].is(TreeKind::name) && !find(t.children[0].text)) unknown(t.children[0], "the buffer");
    fail(t.children[0].at, "only buffers have elements");
  }
  return as_ref<Buffer>(found);
}

std::vector<const Tree*> Parser::indices(const Tree& t, const Buffer& buffer) {
  std::vector<const Tree*> out;
  const Tree& holder = t.children.size() == 2 && t.children[1].is(TreeKind::tuple) ? t.children[1] : t;
  for (size_t i = &holder == &t; i < holder.children.size(); ++i) out.push_back(&holder.children[i]);
  if (out.size() != buffer.shape.size())
    fail(t.at, fmt::format("'{}' has {} dimensions, found {} indices", t.children[0].text, buffer.shape.size(), out.size()));
  return out;
}

Ref<Expr> Parser::load(const Tree& t, const Tree* mask) {
  Ref<Buffer> buffer = buffer_of(t);
  std::vector<Ref<Expr>> index = index_list(t, *buffer);
  Opt<Expr> guard;
  if (mask) guard = expr(*mask);
  return build(t.at, Load{.buffer = buffer, .index = std::move(index), .mask = guard});
}

std::vector<Ref<Expr>> Parser::index_list(const Tree& t, const Buffer& buffer) {
  std::vector<Ref<Expr>> out;
  for (const Tree* i : indices(t, buffer)) {
    if (i->is(TreeKind::slice)) fail(i->at, "a slice names a region, not an element", "regions stand in reads(…) and writes(…)");
    out.push_back(expr(*i));
    if (!out.back()->dtype.is_int()) fail(i->at, fmt::format("an index is an integer, this is {}", to_string(out.back()->dtype)));
  }
  return out;
}

// low:high is begin low, extent high - low; written so that begin and extent come back exactly.
Ref<Expr> Parser::extent_of(const Tree& high, const Ref<Expr>& low) {
  Ref<Expr> end = expr(high, as_int(low) ? Hint() : Hint(low->dtype));
  if (is_int(low, 0) && low->dtype == i64) return end;
  auto first = as_int(low), last = as_int(end);
  int64_t difference = 0;
  if (first && last && low->dtype == i64 && end->dtype == i64 && !__builtin_sub_overflow(*last, *first, &difference))
    return imm(difference);
  if (const auto* sum = as<Binary>(end); sum && sum->op == BinaryOp::add && equal(sum->a, low)) return sum->b;
  if (end->dtype != low->dtype)
    fail(high.at, fmt::format("a range from {} to {}", to_string(low->dtype), to_string(end->dtype)), "both ends need one type");
  return at(high.at, [&] { return tw::binary(BinaryOp::sub, end, low); });
}

Ref<Region> Parser::region(const Tree& t) {
  if (is_generic(t)) {
    Opt<Node> made = generic(t);
    if (!as<Region>(made)) fail(t.at, "expected a region of a buffer");
    return as_ref<Region>(made);
  }
  Ref<Buffer> buffer = buffer_of(t);
  std::vector<Ref<Expr>> begin, extent;
  for (const Tree* i : indices(t, *buffer)) {
    if (!i->is(TreeKind::slice)) {
      begin.push_back(expr(*i));
      extent.push_back(imm(1));
      continue;
    }
    const Tree &low = i->children[0], &high = i->children[1];
    size_t d = begin.size();
    begin.push_back(low.is(TreeKind::absent) ? imm(0) : expr(low));
    if (!high.is(TreeKind::absent)) extent.push_back(extent_of(high, begin.back()));
    else extent.push_back(at(i->at, [&] { return is_int(begin.back(), 0) ? buffer->shape[d] : buffer->shape[d] - begin.back(); }));
  }
  return make(Region{.buffer = buffer, .begin = std::move(begin), .extent = std::move(extent)});
}

List<Ref<Expr>> Parser::expr_tuple(const Tree& t, const char* what) {
  if (!t.is(TreeKind::tuple)) fail(t.at, fmt::format("expected {} as a tuple", what), "one item is written (n,), none ()");
  std::vector<Ref<Expr>> out;
  for (const Tree& item : t.children) out.push_back(expr(item));
  return out;
}

// ---- types

Ref<Type> Parser::type(const Tree& t) {
  if (is_generic(t)) {
    Opt<Node> made = generic(t);
    if (as<Type>(made)) return as_ref<Type>(made);
  }
  if (Opt<Node> found = find_node(t); as<Type>(found)) return as_ref<Type>(found);
  std::string_view head = t.is(TreeKind::subscript) ? t.children[0].last_name() : "";
  size_t items = t.is(TreeKind::subscript) ? t.children.size() - 1 : 0;
  if (head == "Tensor" && items == 2) return tw::tensor_type(expr_tuple(t.children[1], "a shape"), dtype(t.children[2]));
  if (head == "Scalar" && items == 1) return tw::tensor_type({}, dtype(t.children[1]));
  if (head == "Sequence" && items == 1) return make(SequenceType{.item = type(t.children[1])});
  if (head == "Optional" && items == 1) return make(OptionalType{.item = type(t.children[1])});
  if (head == "Tuple") {
    std::vector<Ref<Type>> out;
    bool empty = items == 1 && t.children[1].is(TreeKind::tuple) && t.children[1].children.empty();
    for (size_t i = 1; i <= items && !empty; ++i) out.push_back(type(t.children[i]));
    return make(TupleType{.items = std::move(out)});
  }
  fail(t.at, "expected a type", "types are Tensor[(n, 64), f32], Scalar[i64], Tuple[…], Sequence[…], Optional[…]");
}

} // namespace tw::parse_detail
