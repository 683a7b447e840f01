// SPDX-License-Identifier: Apache-2.0
// Expressions to sums (integers) and atoms (all others), each node once: results are remembered by node.
#include "arith/rules.h"

#include <algorithm>
#include <cmath>

namespace tw::arith {

using State = Analyzer::State;

bool State::fits(const Sum& s) {
  if (!s.exact) return false;
  if (s.type == u64) return s.terms.empty() && s.constant >= 0;
  if (s.constant == 0 && s.terms.size() == 1 && s.terms[0].coefficient == 1 && s.terms[0].product->factors.empty()) return true;
  if (s.type == i64) {
    bool data = false;
    for (const Term& t : s.terms) data = data || t.product->data;
    return !data || is_finite(plain_bounds(s));
  }
  return inside(plain_bounds(s), range_of(s.type));
}

Sum State::settle(Sum s) {
  s = join_remainders(std::move(s));
  if (s.exact) s.exact = fits(s);
  if (s.exact || s.type.bits == 64) {
    if (s.type != u64 && s.terms.empty()) s.exact = true;
    return s;
  }
  auto wrap = [&](int64_t c) {
    int drop = 64 - s.type.bits;
    return static_cast<int64_t>(static_cast<uint64_t>(c) << drop) >> drop;
  };
  for (Term& t : s.terms) t.coefficient = wrap(t.coefficient);
  std::erase_if(s.terms, [](const Term& t) { return t.coefficient == 0; });
  s.constant = wrap(s.constant);
  if (s.terms.empty()) {
    s.constant = *as_int(imm(s.constant, s.type));
    s.exact = true;
  } else if (s.terms.size() == 1 && s.terms[0].coefficient == 1 && s.constant == 0 && s.terms[0].product->factors.empty()) {
    s.exact = true;
  }
  return s;
}

Sum State::opaque(const Atom* a) {
  Bounds b = bounds(a);
  if (b.min == b.max && is_finite(b)) return constant_sum(b.min, a->expr->dtype);
  Sum s = atom_sum(a);
  s.exact = s.type != u64;
  auto [found, fresh] = memo.try_emplace(a->expr.node(), Entry{.key = a->expr});
  if (!found->second.sum) found->second.sum = s;
  return s;
}

// x % c + (y // (c * d)) * c  ->  y // d  if x and y // d differ by a multiple of c: fused loops leave such parts of one index, each of
// which has been simplified in its own way. `t` is the remainder's term. Only whole factors are looked for.
bool State::join_congruent(Sum& s, const Term& t, const Sum& x, int64_t c) {
  if (!t.product->factors.empty()) return false;
  for (const Term& u : s.terms) {
    const auto* q = u.product->binary(BinaryOp::floordiv);
    auto divisor = q ? as_int(q->b) : std::nullopt;
    if (!divisor || *divisor <= 0 || *divisor % c != 0 || u.coefficient != t.coefficient * c) continue;
    auto y = divide(sum_of(u.product->children[0]), constant_sum(*divisor / c, s.type));
    auto difference = y && y->exact ? remainder(combine(x, *y, -1), constant_sum(c, s.type)) : std::nullopt;
    if (!difference || !difference->is_constant() || difference->constant != 0) continue;
    auto back = scale(*y, t.coefficient);
    Term quotient = u;
    add_term(s, t.product, 0 - t.coefficient);
    add_term(s, quotient.product, 0 - quotient.coefficient);
    s = combine(s, back, 1);
    return true;
  }
  return false;
}

// x % c + (x // c) * c  ->  x      x - (x // c) * c  ->  x % c      (x // c) * c  ->  x if x is a multiple of c
// Anywhere in a sum, with any common factor.
Sum State::join_remainders(Sum s) {
  auto holds = [&](const Sum& part) {
    return !part.terms.empty() && std::all_of(part.terms.begin(), part.terms.end(), [&](const Term& t) {
      auto at = std::lower_bound(s.terms.begin(), s.terms.end(), t.product->sequence,
                                 [](const Term& u, uint32_t sequence) { return u.product->sequence < sequence; });
      return at != s.terms.end() && at->product == t.product && at->coefficient == t.coefficient;
    });
  };
  auto attempt = [&](const Term& t, const Atom* f) {
    bool is_quotient = f->binary(BinaryOp::floordiv);
    if (!is_quotient && !f->binary(BinaryOp::floormod)) return false;
    const auto* e = as<Binary>(f->expr);
    auto literal = as_int(e->b);
    if (literal && *literal <= 0) return false;
    Sum x = sum_of(f->children[0]), c = sum_of(f->children[1]);
    auto others = terms.quotient(t.product, f);
    if (!others) return false;
    Sum factor = *others ? atom_sum(*others, t.coefficient) : constant_sum(t.coefficient, s.type);
    if (!is_quotient) {
      if (s.terms.size() < 2) return false;
      Sum q = sum(terms.intern(BinaryOp::floordiv, f->children[0], f->children[1])->expr.node());
      auto whole = multiply(q, c, terms, 16);
      if (whole) whole = multiply(*whole, factor, terms, 16);
      if (!whole || !holds(*whole)) return literal && join_congruent(s, t, x, *literal);
      auto back = multiply(x, factor, terms, 16);
      if (!back) return false;
      add_term(s, t.product, 0 - t.coefficient);
      s = combine(combine(s, *whole, -1), *back, 1);
      return true;
    }
    // factor * (x // c) with c in the factor: reduced == factor / c.
    Sum reduced = factor;
    if (literal) {
      if (t.coefficient % *literal != 0) return false;
      reduced = *others ? atom_sum(*others, t.coefficient / *literal) : constant_sum(t.coefficient / *literal, s.type);
    } else {
      if (c.terms.size() != 1 || c.constant != 0 || c.terms[0].coefficient != 1 || !*others) return false;
      auto fewer = terms.quotient(*others, c.terms[0].product);
      if (!fewer) return false;
      reduced = *fewer ? atom_sum(*fewer, t.coefficient) : constant_sum(t.coefficient, s.type);
    }
    auto back = multiply(x, reduced, terms, 16);
    if (!back) return false;
    if (literal && multiple(x) % *literal == 0) {
      add_term(s, t.product, 0 - t.coefficient);
      s = combine(s, *back, 1);
      return true;
    }
    if (!holds(scale(*back, -1))) return false;
    auto left = multiply(atom_sum(terms.intern(BinaryOp::floormod, f->children[0], f->children[1])), scale(reduced, -1), terms, 16);
    if (!left) return false;
    add_term(s, t.product, 0 - t.coefficient);
    s = combine(combine(s, *back, 1), *left, 1);
    return true;
  };
  for (int round = 0; round < 8; ++round) {
    bool changed = false;
    for (size_t i = 0; i < s.terms.size() && !changed; ++i) {
      Term t = s.terms[i];
      if (t.product->factors.empty()) changed = attempt(t, t.product);
      for (size_t k = 0; k < t.product->factors.size() && !changed; ++k) changed = attempt(t, t.product->factors[k]);
    }
    if (!changed || --budget <= 0) break;
  }
  return s;
}

const Atom* State::apply_rules(const Atom* a) {
  if (budget <= 0) return a;
  auto found = replace_by_rules(a);
  if (!found || found.same_as(a->expr)) return a;
  --budget;
  return atom(found.node());
}

Sum State::sum(const Node* e) {
  if (auto found = memo.find(e); found != memo.end() && found->second.sum) return *found->second.sum;
  Sum s = compute_sum(e);
  auto [entry, fresh] = memo.try_emplace(e, Entry{.key = as_ref<Expr>(e)});
  entry->second.sum = s;
  return s;
}

const Atom* State::atom(const Node* e) {
  if (auto found = memo.find(e); found != memo.end() && found->second.atom) return found->second.atom;
  const Atom* a = nullptr;
  if (is_scalar_int(e)) {
    Sum s = sum(e);
    a = terms.emit(s);
    auto [own, fresh] = memo.try_emplace(a->expr.node(), Entry{.key = a->expr});
    if (!own->second.sum) own->second.sum = std::move(s);
    own->second.atom = a;
  } else {
    a = compute_atom(e);
    auto [own, fresh] = memo.try_emplace(a->expr.node(), Entry{.key = a->expr});
    own->second.atom = a;
  }
  auto [entry, fresh] = memo.try_emplace(e, Entry{.key = as_ref<Expr>(e)});
  entry->second.atom = a;
  return a;
}

namespace {

// The same node with simplified children; an intrinsic's lambda and a load's buffer stay.
const Atom* rebuild(State& s, const Node* e) {
  if (as<Lambda>(e) || as<Var>(e)) return s.terms.intern(as_ref<Expr>(e));
  Opt<Node> out =
      map_children(e, [&](const Node* c) { return as<Expr>(c) && !as<Lambda>(c) ? Opt<Node>(s.atom(c)->expr) : Opt<Node>(c, 0); });
  return s.terms.intern(as_ref<Expr>(out));
}

std::optional<double> as_float(const Node* e) {
  if (const auto* x = as<FloatImm>(e)) return x->value;
  return {};
}

// Arithmetic of the width: a double holds enough bits that rounding its result once more gives the correctly rounded narrow one.
Opt<Expr> fold_float(const Binary& b) {
  auto x = as_float(b.a.node()), y = as_float(b.b.node());
  if (!x || !y) return {};
  auto number = [&](double v) -> Opt<Expr> {
    if (std::isnan(v)) return {}; // which NaN is the target's business
    return literal(v, b.dtype);
  };
  auto fact = [](bool v) -> Opt<Expr> { return imm(v, boolean); };
  switch (b.op) {
  case BinaryOp::add: return number(*x + *y);
  case BinaryOp::sub: return number(*x - *y);
  case BinaryOp::mul: return number(*x * *y);
  case BinaryOp::div: return number(*x / *y);
  case BinaryOp::min: return *x == *y ? Opt<Expr>() : number(std::isnan(*x) || std::isnan(*y) ? NAN : std::min(*x, *y));
  case BinaryOp::max: return *x == *y ? Opt<Expr>() : number(std::isnan(*x) || std::isnan(*y) ? NAN : std::max(*x, *y));
  case BinaryOp::eq: return fact(*x == *y);
  case BinaryOp::ne: return fact(*x != *y);
  case BinaryOp::lt: return fact(*x < *y);
  case BinaryOp::le: return fact(*x <= *y);
  case BinaryOp::gt: return fact(*x > *y);
  case BinaryOp::ge: return fact(*x >= *y);
  default: return {};
  }
}

// Every value of `from` is one of `to`.
bool holds_all(DType to, DType from) {
  if (from.is_bool()) return true;
  if (from.is_int() && to.is_int())
    return from.is_unsigned() ? to.bits > from.bits || (to.is_unsigned() && to.bits == from.bits) : to.is_signed() && to.bits >= from.bits;
  if (from.is_int() && to.is_float()) return from.bits <= (to == f64 ? 32 : to == f32 ? 16 : 8);
  if (from.is_float() && to.is_float()) return to == f64 || (to == f32 && from.bits == 16);
  return false;
}

Opt<Expr> fold_cast(State& s, const Cast& c, const Atom* value) {
  DType to = c.to, from = value->expr->dtype;
  if (from.lanes != 1) return {};
  if (from == to) return value->expr;
  if (const auto* inner = as<Cast>(value->expr)) {
    // The inner cast lost nothing, so the outer one may as well start from its operand.
    DType first = inner->value->dtype;
    if (first.lanes == 1 && !first.is_bool() && holds_all(from, first) && !to.is_bool()) return cast(to, inner->value);
  }
  if (auto x = as_int(value->expr)) {
    if (to.is_int()) return imm(*x, to);
    if (to.is_bool()) return imm(*x != 0, boolean);
    if (to.is_float() && from != u64 && std::abs(*x) <= int64_t{1} << 53) return literal(static_cast<double>(*x), to);
    return {};
  }
  if (auto x = as_float(value->expr.node())) {
    if (to.is_bool()) return imm(*x != 0, boolean);
    if (to.is_float()) return holds_all(to, from) || from == f32 || (from == f64 && to == f32) ? Opt<Expr>(literal(*x, to)) : Opt<Expr>();
    if (to.is_int() && to != u64) {
      if (std::isnan(*x)) return imm(0, to);
      double low = static_cast<double>(min_value(to)), high = static_cast<double>(max_value(to));
      return *x <= low ? imm(min_value(to), to) : *x >= high ? imm(max_value(to), to) : imm(static_cast<int64_t>(std::trunc(*x)), to);
    }
  }
  if (to == boolean && from.is_int()) return as_opt<Expr>(s.comparison(BinaryOp::ne, value->expr.node(), imm(0, from).node())->expr);
  return {};
}

} // namespace

Sum State::compute_sum(const Node* n) {
  if (const auto* x = as<IntImm>(n)) {
    Sum s = constant_sum(x->value, x->type);
    s.exact = x->type != u64 || x->value >= 0;
    return s;
  }
  if (as<Var>(n)) {
    if (auto found = values.find(n); found != values.end()) return sum(found->second.second.node());
    return opaque(terms.intern(as_ref<Expr>(n)));
  }
  if (const auto* x = as<Unary>(n); x && x->op == UnaryOp::neg) return settle(scale(sum(x->a.node()), -1));
  if (const auto* x = as<Binary>(n)) {
    if (x->op == BinaryOp::add || x->op == BinaryOp::sub)
      return settle(combine(sum(x->a.node()), sum(x->b.node()), x->op == BinaryOp::add ? 1 : -1));
    if (x->op == BinaryOp::min || x->op == BinaryOp::max) return extremum(x->op, sum(x->a.node()), sum(x->b.node()));
    if (x->op == BinaryOp::mul) {
      Sum a = sum(x->a.node()), b = sum(x->b.node());
      if (auto product = multiply(a, b, terms, 16)) return settle(*product);
      return settle(atom_sum(terms.multiply(terms.emit(a), terms.emit(b))));
    }
    if (x->op == BinaryOp::floordiv || x->op == BinaryOp::floormod) {
      Sum a = sum(x->a.node()), b = sum(x->b.node());
      if (a.exact && b.exact)
        if (auto result = x->op == BinaryOp::floordiv ? divide(a, b) : remainder(a, b)) return settle(*result);
      const Atom *p = terms.emit(a), *q = terms.emit(b);
      if (Ref<Expr> folded = binary(x->op, p->expr, q->expr); as<IntImm>(folded)) return sum(folded.node());
      return opaque(terms.intern(x->op, p, q));
    }
  }
  if (const auto* x = as<Cast>(n)) {
    const Atom* value = atom(x->value.node());
    if (auto folded = fold_cast(*this, *x, value)) return sum(folded.node());
  }
  const Atom* plain = rebuild(*this, n);
  if (const auto* b = as<Binary>(plain->expr))
    if (Ref<Expr> folded = binary(b->op, b->a, b->b); as<IntImm>(folded)) return sum(folded.node());
  const Atom* found = apply_rules(plain);
  return found == plain ? opaque(found) : sum_of(found);
}

const Atom* State::compute_atom(const Node* n) {
  if (as<Var>(n))
    if (auto found = values.find(n); found != values.end()) return atom(found->second.second.node());
  const auto* e = as<Expr>(n);
  TW_CHECK(e, "only expressions are simplified, not a {}", kind_name(n));
  if (e->dtype.lanes != 1) return rebuild(*this, n);
  if (const auto* x = as<Binary>(n)) {
    if (x->op >= BinaryOp::eq && x->op <= BinaryOp::ge && is_scalar_int(x->a.node())) return comparison(x->op, x->a.node(), x->b.node());
    if (x->op == BinaryOp::logical_and || x->op == BinaryOp::logical_or) return logical(x->op, atom(x->a.node()), atom(x->b.node()));
  }
  if (const auto* x = as<Unary>(n); x && x->op == UnaryOp::logical_not) return negation(atom(x->a.node()));
  if (const auto* x = as<Cast>(n)) {
    const Atom* value = atom(x->value.node());
    if (auto folded = fold_cast(*this, *x, value)) return terms.intern(as_ref<Expr>(folded));
  }
  const Atom* plain = rebuild(*this, n);
  if (const auto* b = as<Binary>(plain->expr)) {
    if (Opt<Expr> folded = fold_float(*b)) return terms.intern(as_ref<Expr>(folded));
    if (Ref<Expr> folded = binary(b->op, b->a, b->b); as<IntImm>(folded)) return terms.intern(folded);
  }
  if (const auto* u = as<Unary>(plain->expr); u && u->op == UnaryOp::neg && as<FloatImm>(u->a)) return terms.intern(-u->a);
  if (e->dtype.is_bool() && std::find(assumed.begin(), assumed.end(), plain) != assumed.end()) return truth(true);
  return apply_rules(plain);
}

} // namespace tw::arith
