// SPDX-License-Identifier: Apache-2.0
// Reads the tables of rules.h once, and matches them against interned expressions.
#include "arith/rules.h"

#include <array>
#include <cctype>
#include <cmath>
#include <map>

namespace tw::arith {
namespace {

struct Pattern {
  enum class Kind { any, literal, number, truth, binary, negative, logical_not, select } kind;
  char letter = 0;
  double value = 0;
  BinaryOp op = BinaryOp::add;
  std::vector<Pattern> parts;
};

// A small recursive-descent reader; a mistake in a table is an internal error at the first use.
class Reader {
public:
  explicit Reader(const char* text) : text_(text), at_(text) {}
  Pattern whole() {
    Pattern p = binary(0);
    if (*at_) fail();
    return p;
  }

private:
  struct Level {
    const char* symbol;
    BinaryOp op;
    int strength;
  };
  // Longer symbols before their prefixes.
  static constexpr Level levels[] = {{"or ", BinaryOp::logical_or, 1}, {"and ", BinaryOp::logical_and, 2},
                                     {"==", BinaryOp::eq, 4},          {"!=", BinaryOp::ne, 4},
                                     {"<<", BinaryOp::shift_left, 8},  {">>", BinaryOp::shift_right, 8},
                                     {"<=", BinaryOp::le, 4},          {">=", BinaryOp::ge, 4},
                                     {"<", BinaryOp::lt, 4},           {">", BinaryOp::gt, 4},
                                     {"|", BinaryOp::bit_or, 5},       {"^", BinaryOp::bit_xor, 6},
                                     {"&", BinaryOp::bit_and, 7},      {"+", BinaryOp::add, 9},
                                     {"-", BinaryOp::sub, 9},          {"*", BinaryOp::mul, 10},
                                     {"//", BinaryOp::floordiv, 10},   {"/", BinaryOp::div, 10},
                                     {"%", BinaryOp::floormod, 10}};
  [[noreturn]] void fail() { throw internal_error("a rule does not read: '{}' at '{}'", text_, at_); }
  bool take(std::string_view symbol) {
    while (*at_ == ' ') ++at_;
    if (std::string_view(at_).substr(0, symbol.size()) != symbol) return false;
    at_ += symbol.size();
    return true;
  }
  const Level* next_operator() {
    while (*at_ == ' ') ++at_;
    for (const Level& l : levels)
      if (std::string_view(at_).starts_with(l.symbol)) return &l;
    return nullptr;
  }
  Pattern binary(int strength) {
    Pattern left = unary();
    for (const Level* l; (l = next_operator()) && l->strength > strength;) {
      take(l->symbol);
      Pattern right = binary(l->strength);
      left = {.kind = Pattern::Kind::binary, .op = l->op, .parts = {std::move(left), std::move(right)}};
    }
    return left;
  }
  Pattern unary() {
    if (take("not ")) return {.kind = Pattern::Kind::logical_not, .parts = {binary(3)}};
    while (*at_ == ' ') ++at_;
    if (std::isdigit(at_[0]) || (at_[0] == '-' && std::isdigit(at_[1]))) {
      char* end;
      double value = std::strtod(at_, &end);
      at_ = end;
      return {.kind = Pattern::Kind::number, .value = value};
    }
    if (take("-")) return {.kind = Pattern::Kind::negative, .parts = {binary(11)}};
    if (take("(")) {
      Pattern p = binary(0);
      if (!take(")")) fail();
      return p;
    }
    if (take("true")) return {.kind = Pattern::Kind::truth, .value = 1};
    if (take("false")) return {.kind = Pattern::Kind::truth, .value = 0};
    if (take("min(")) return call({.kind = Pattern::Kind::binary, .op = BinaryOp::min});
    if (take("max(")) return call({.kind = Pattern::Kind::binary, .op = BinaryOp::max});
    if (take("select(")) return call({.kind = Pattern::Kind::select});
    char letter = *at_;
    if (!std::isalpha(letter)) fail();
    ++at_;
    return {.kind = letter == 'c' || letter == 'd' ? Pattern::Kind::literal : Pattern::Kind::any, .letter = letter};
  }
  Pattern call(Pattern p) {
    do p.parts.push_back(binary(0));
    while (take(","));
    if (!take(")")) fail();
    return p;
  }
  const char *text_, *at_;
};

class Match {
public:
  bool fits(const Pattern& p, const Node* n) {
    const auto* e = as<Expr>(n);
    switch (p.kind) {
    case Pattern::Kind::any: return bind(p.letter, e);
    case Pattern::Kind::literal: return (as<IntImm>(e) || as<FloatImm>(e)) && bind(p.letter, e);
    case Pattern::Kind::number:
      if (const auto* x = as<IntImm>(e)) return !x->type.is_bool() && static_cast<double>(x->value) == p.value;
      if (const auto* x = as<FloatImm>(e)) return x->value == p.value && std::signbit(x->value) == std::signbit(p.value);
      return false;
    case Pattern::Kind::truth: return e->dtype == boolean && is_int(e, p.value != 0);
    case Pattern::Kind::binary: {
      const auto* b = as<Binary>(e);
      return b && b->op == p.op && fits(p.parts[0], b->a.node()) && fits(p.parts[1], b->b.node());
    }
    case Pattern::Kind::negative:
    case Pattern::Kind::logical_not: {
      const auto* u = as<Unary>(e);
      return u && u->op == (p.kind == Pattern::Kind::negative ? UnaryOp::neg : UnaryOp::logical_not) && fits(p.parts[0], u->a.node());
    }
    case Pattern::Kind::select: {
      const auto* x = as<Select>(e);
      return x && fits(p.parts[0], x->cond.node()) && fits(p.parts[1], x->a.node()) && fits(p.parts[2], x->b.node());
    }
    }
    return false;
  }
  // `type` is that of a number, which a pattern does not say.
  Ref<Expr> build(const Pattern& p, DType type) const {
    switch (p.kind) {
    case Pattern::Kind::any:
    case Pattern::Kind::literal: return as_ref<Expr>(bound_[slot(p.letter)]);
    case Pattern::Kind::number: return literal(p.value, type);
    case Pattern::Kind::truth: return imm(p.value != 0, boolean);
    case Pattern::Kind::binary: return binary(p.op, build(p.parts[0], type), build(p.parts[1], type));
    case Pattern::Kind::negative: return -build(p.parts[0], type);
    case Pattern::Kind::logical_not: return !build(p.parts[0], type);
    case Pattern::Kind::select: return select(build(p.parts[0], type), build(p.parts[1], type), build(p.parts[2], type));
    }
    throw internal_error("a pattern of no kind");
  }

private:
  static size_t slot(char letter) { return static_cast<size_t>(letter - 'a'); }
  // Interned: the same value is the same node.
  bool bind(char letter, const Node* e) {
    const Node*& b = bound_[slot(letter)];
    if (!b) b = e;
    return b == e;
  }
  std::array<const Node*, 26> bound_{};
};

struct Compiled {
  Domain domain;
  Pattern found, replacement;
  std::optional<Pattern> when;
};

// By the operation at the root: a binary's number, then the others.
constexpr size_t select_row = 32, not_row = 33, negative_row = 34, row_count = 35;
size_t row_of(const Pattern& p) {
  switch (p.kind) {
  case Pattern::Kind::binary: return static_cast<size_t>(p.op);
  case Pattern::Kind::select: return select_row;
  case Pattern::Kind::logical_not: return not_row;
  case Pattern::Kind::negative: return negative_row;
  default: throw internal_error("a rule must begin with an operation");
  }
}
std::optional<size_t> row_of(const Node* e) {
  if (const auto* b = as<Binary>(e)) return static_cast<size_t>(b->op);
  if (as<Select>(e)) return select_row;
  if (const auto* u = as<Unary>(e)) {
    if (u->op == UnaryOp::logical_not) return not_row;
    if (u->op == UnaryOp::neg) return negative_row;
  }
  return {};
}

using Table = std::array<std::vector<Compiled>, row_count>;
const Table& table() {
  static const Table* result = [] {
    auto* t = new Table;
    for (const Rule& r : rules) {
      Compiled c{.domain = r.domain, .found = Reader(r.found).whole(), .replacement = Reader(r.replacement).whole()};
      if (r.when) c.when = Reader(r.when).whole();
      (*t)[row_of(c.found)].push_back(std::move(c));
    }
    return t;
  }();
  return *result;
}

bool holds(Domain domain, DType type) {
  switch (domain) {
  case Domain::integers: return type.is_int();
  case Domain::floats: return type.is_float();
  case Domain::booleans: return type.is_bool();
  case Domain::numbers: return !type.is_bool();
  case Domain::all: return true;
  }
  return false;
}

} // namespace

Opt<Expr> replace_by_rules(const Atom* a) {
  auto row = row_of(a->expr.node());
  if (!row || a->expr->dtype.lanes != 1) return {};
  for (const Compiled& rule : table()[*row]) {
    if (!holds(rule.domain, a->expr->dtype)) continue;
    Match match;
    if (!match.fits(rule.found, a->expr.node())) continue;
    if (rule.when && !is_int(match.build(*rule.when, i64), 1)) continue;
    return match.build(rule.replacement, a->expr->dtype);
  }
  return {};
}

} // namespace tw::arith
