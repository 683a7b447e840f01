// SPDX-License-Identifier: Apache-2.0
// Floor division and remainder of sums. With c > 0, A and B sums, g a divisor of c:
//
//   (c*A + B) // c  ->  A + B // c                   (c*A + B) % c  ->  B % c
//   B // c          ->  0          if 0 <= B < c     B % c          ->  B              if 0 <= B < c
//   (g*A + B) // c  ->  A // (c/g) if 0 <= B < g     (g*A + B) % c  ->  g * (A % (c/g)) + B   if 0 <= B < g
//   (x // d + A) // c  ->  (x + A*d) // (d*c)        (k * (x % d)) % c  ->  (k * x) % c       if d % c == 0
//   x // -c         ->  -x // c                      x % -c         ->  -(-x % c)
//
// The same with a product or a sum of symbols in place of c, where its sign can be proven.
#include "arith/state.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace tw::arith {
namespace {

using State = Analyzer::State;

// a == factor * quotient + rest, by terms and with the sign of the term kept.
struct Parts {
  Sum quotient, rest;
};
Parts split(const Sum& a, int64_t factor) {
  Parts p{.quotient = constant_sum(floor_quotient(a.constant, factor), a.type),
          .rest = constant_sum(floor_remainder(a.constant, factor), a.type)};
  for (const Term& t : a.terms) {
    if (int64_t q = t.coefficient / factor) p.quotient.terms.push_back({t.product, q});
    if (int64_t r = t.coefficient % factor) p.rest.terms.push_back({t.product, r});
  }
  return p;
}

// The multiple q of c with q*c <= b < q*c + c for all values, if there is one.
std::optional<int64_t> bucket(Bounds b, int64_t c) {
  if (!is_finite(b)) return {};
  int64_t q = floor_quotient(b.min, c);
  return q == floor_quotient(b.max, c) ? std::optional(q) : std::nullopt;
}

// The divisors worth trying: what the terms have in common with c, the largest first.
std::vector<int64_t> common_factors(const Sum& a, int64_t c) {
  std::vector<int64_t> out;
  for (const Term& t : a.terms)
    if (int64_t g = std::gcd(t.coefficient, c); g > 1) out.push_back(g);
  std::sort(out.begin(), out.end(), std::greater<>());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

struct Group {
  int64_t factor;
  Sum outer, inner; // factor * outer + inner, 0 <= inner < factor
};
std::optional<Group> group(State& s, const Sum& a, int64_t c) {
  for (int64_t g : common_factors(a, c)) {
    Group out{.factor = g, .outer = constant_sum(0, a.type), .inner = constant_sum(floor_remainder(a.constant, g), a.type)};
    out.outer.constant = floor_quotient(a.constant, g);
    for (const Term& t : a.terms) {
      if (t.coefficient % g == 0) out.outer.terms.push_back({t.product, t.coefficient / g});
      else out.inner.terms.push_back(t);
    }
    auto q = bucket(s.bounds(out.inner), g);
    if (!q) continue;
    out.inner.constant -= *q * g;
    out.outer.constant += *q;
    return out;
  }
  return {};
}

std::optional<Sum> atom_of(State& s, BinaryOp op, const Sum& a, const Sum& b) {
  if (!s.fits(a) || !s.fits(b)) return {};
  const Atom* atom = s.terms.intern(op, s.terms.emit(a), s.terms.emit(b));
  return s.opaque(atom);
}

// x // d or x % d, with a constant d > 0, standing alone in a sum (besides its constant).
struct Single {
  Sum x;
  int64_t divisor, coefficient;
};
std::optional<Single> single(State& s, const Sum& a, BinaryOp op) {
  if (a.terms.size() != 1) return {};
  const auto* e = a.terms[0].product->binary(op);
  auto d = e ? as_int(e->b) : std::nullopt;
  if (!d || *d <= 0) return {};
  Sum x = s.sum(e->a.node());
  if (!x.exact) return {};
  return Single{.x = std::move(x), .divisor = *d, .coefficient = a.terms[0].coefficient};
}

std::optional<Sum> divide_by(State& s, const Sum& a, int64_t c);

// A term that is a multiple of c only by what is known of its variables: n // 6 where n is a multiple of 6.
std::optional<Sum> divide_multiples(State& s, Sum& rest, int64_t c) {
  Sum quotient = constant_sum(0, rest.type);
  for (size_t i = 0; i < rest.terms.size() && rest.terms.size() + (rest.constant != 0) > 1;) {
    Term t = rest.terms[i];
    if (s.multiple(atom_sum(t.product, t.coefficient)) % c != 0) {
      ++i;
      continue;
    }
    auto q = divide_by(s, atom_sum(t.product, t.coefficient), c);
    if (!q) return {};
    quotient = combine(quotient, *q, 1);
    rest.terms.erase(rest.terms.begin() + static_cast<ptrdiff_t>(i));
  }
  return quotient;
}

// Of x // d + A, where no other term is a quotient: x + A*d, which is then divided once.
std::optional<Sum> over_divisor(State& s, const Sum& a, int64_t c) {
  std::optional<Single> found;
  Sum others = a;
  for (const Term& t : a.terms)
    if (auto x = single(s, Sum{.type = a.type, .terms = {t}}, BinaryOp::floordiv)) {
      if (found || x->coefficient != 1) return {};
      found = std::move(x);
      add_term(others, t.product, -1);
    }
  int64_t divisor;
  if (!found || __builtin_mul_overflow(found->divisor, c, &divisor) || !s.fits(constant_sum(divisor, a.type))) return {};
  Sum whole = combine(found->x, others, found->divisor);
  return whole.exact && s.fits(whole) ? divide_by(s, whole, divisor) : std::nullopt;
}

std::optional<Sum> divide_by(State& s, const Sum& a, int64_t c) {
  auto [quotient, rest] = split(a, c);
  auto multiples = divide_multiples(s, rest, c);
  if (!multiples) return {};
  quotient = combine(quotient, *multiples, 1);
  if (rest.is_constant()) return quotient;
  if (auto q = bucket(s.bounds(rest), c)) return shift(quotient, *q);
  std::optional<Sum> inner;
  if (auto y = single(s, rest, BinaryOp::floormod); y && y->coefficient == 1 && rest.constant == 0 && y->divisor % c == 0) {
    if (auto q = divide_by(s, y->x, c)) inner = s.remainder(*q, constant_sum(y->divisor / c, a.type));
  } else if (auto g = group(s, rest, c)) {
    inner = divide_by(s, g->outer, c / g->factor);
  } else {
    inner = over_divisor(s, rest, c);
  }
  if (!inner) inner = atom_of(s, BinaryOp::floordiv, rest, constant_sum(c, a.type));
  if (!inner) return {};
  return combine(quotient, *inner, 1);
}

std::optional<Sum> remainder_by(State& s, const Sum& a, int64_t c) {
  if (c == 1) return constant_sum(0, a.type);
  Sum flat = a;
  for (const Term& t : a.terms) {
    auto x = single(s, Sum{.type = a.type, .terms = {t}}, BinaryOp::floormod);
    int64_t divisor;
    if (!x || __builtin_mul_overflow(x->divisor, x->coefficient, &divisor) || divisor % c != 0) continue;
    add_term(flat, t.product, 0 - t.coefficient);
    flat = combine(flat, x->x, t.coefficient);
  }
  if (!flat.exact) flat = a;
  Sum rest = split(flat, c).rest;
  std::erase_if(rest.terms, [&](const Term& t) { return s.multiple(atom_sum(t.product, t.coefficient)) % c == 0; });
  if (rest.is_constant()) return rest;
  if (auto q = bucket(s.bounds(rest), c)) return shift(rest, -*q * c);
  if (auto g = group(s, rest, c)) {
    auto outer = remainder_by(s, g->outer, c / g->factor);
    if (!outer) return {};
    return combine(g->inner, *outer, g->factor);
  }
  return atom_of(s, BinaryOp::floormod, rest, constant_sum(c, a.type));
}

// ---- by symbols

bool nonzero(State& s, const Sum& b) { return s.positive(b) || s.positive(scale(b, -1)); }

const Term* leading(const Sum& b) {
  const Term* best = nullptr;
  for (const Term& t : b.terms)
    if (!best || t.product->degree() > best->product->degree()) best = &t;
  return best;
}

// a == b * quotient + rest, where the rest has fewer terms than a; an empty optional if no term of a is a multiple of b's leading one.
std::optional<Parts> divide_polynomial(State& s, const Sum& a, const Sum& b) {
  const Term lead = *leading(b);
  Parts p{.quotient = constant_sum(0, a.type), .rest = a};
  for (int step = 0; step < 8; ++step) {
    bool found = false;
    for (const Term& t : p.rest.terms) {
      auto q = s.terms.quotient(t.product, lead.product);
      if (!q || t.coefficient % lead.coefficient != 0) continue;
      int64_t c = t.coefficient / lead.coefficient;
      Sum factor = *q ? atom_sum(*q, c) : constant_sum(c, a.type);
      auto product = multiply(b, factor, s.terms, 16);
      if (!product || !product->exact) return {};
      p.rest = combine(p.rest, *product, -1);
      p.quotient = combine(p.quotient, factor, 1);
      found = true;
      break;
    }
    if (!found) break;
  }
  if (p.quotient.is_zero() || !p.rest.exact || p.rest.terms.size() >= a.terms.size()) return {};
  return p;
}

bool between(State& s, const Sum& a, const Sum& b) { return s.never_negative(a, 4) && s.never_negative(shift(combine(b, a, -1), -1), 4); }

// b == part * (b / part), a == part * outer + inner with 0 <= inner < part: the symbolic form of `group`.
struct SymbolicGroup {
  Sum part, outer, inner, divisor;
};
std::optional<SymbolicGroup> symbolic_group(State& s, const Sum& a, const Sum& b) {
  if (b.terms.size() != 1 || b.constant != 0) return {};
  Term d = b.terms[0];
  std::vector<Sum> candidates;
  if (d.coefficient != 1) {
    candidates.push_back(atom_sum(d.product));
    candidates.push_back(constant_sum(d.coefficient, a.type));
  }
  for (const Atom* f : d.product->factors) {
    candidates.push_back(atom_sum(*s.terms.quotient(d.product, f)));
    candidates.push_back(atom_sum(f));
  }
  for (const Sum& part : candidates) {
    SymbolicGroup out{.part = part, .outer = constant_sum(0, a.type), .inner = constant_sum(0, a.type), .divisor = constant_sum(0, a.type)};
    if (part.is_constant()) {
      if (part.constant <= 0) continue;
      Parts p{.quotient = constant_sum(floor_quotient(a.constant, part.constant), a.type),
              .rest = constant_sum(floor_remainder(a.constant, part.constant), a.type)};
      for (const Term& t : a.terms) {
        if (t.coefficient % part.constant == 0) p.quotient.terms.push_back({t.product, t.coefficient / part.constant});
        else p.rest.terms.push_back(t);
      }
      out.outer = p.quotient, out.inner = p.rest;
      out.divisor = atom_sum(d.product, 1);
    } else {
      const Atom* f = part.terms[0].product;
      out.inner.constant = a.constant;
      for (const Term& t : a.terms) {
        auto q = s.terms.quotient(t.product, f);
        if (!q) add_term(out.inner, t.product, t.coefficient);
        else if (*q) add_term(out.outer, *q, t.coefficient);
        else out.outer.constant += t.coefficient;
      }
      const Atom* left = *s.terms.quotient(d.product, f);
      out.divisor = left ? atom_sum(left, d.coefficient) : constant_sum(d.coefficient, a.type);
    }
    if (!out.outer.is_zero() && between(s, out.inner, part)) return out;
  }
  return {};
}

} // namespace

std::optional<Sum> State::divide(const Sum& a, const Sum& b) {
  if (b.is_constant()) {
    if (b.constant == 0 || b.constant == minus_infinity) return {};
    if (b.constant > 0) return divide_by(*this, a, b.constant);
    Sum minus = scale(a, -1);
    return fits(minus) ? divide_by(*this, minus, -b.constant) : std::nullopt;
  }
  if (a.is_zero() || budget <= 0) return a.is_zero() && nonzero(*this, b) ? std::optional(a) : std::nullopt;
  if (auto p = divide_polynomial(*this, a, b); p && nonzero(*this, b)) {
    if (p->rest.is_zero()) return p->quotient;
    auto rest = divide(p->rest, b);
    if (!rest) rest = atom_of(*this, BinaryOp::floordiv, p->rest, b);
    if (rest) return combine(p->quotient, *rest, 1);
  }
  if (!positive(b)) return {};
  if (between(*this, a, b)) return constant_sum(0, a.type);
  if (auto g = symbolic_group(*this, a, b)) {
    auto q = divide(g->outer, g->divisor);
    return q ? q : atom_of(*this, BinaryOp::floordiv, g->outer, g->divisor);
  }
  return {};
}

std::optional<Sum> State::remainder(const Sum& a, const Sum& b) {
  if (b.is_constant()) {
    if (b.constant == 0 || b.constant == minus_infinity) return {};
    if (b.constant > 0) return remainder_by(*this, a, b.constant);
    Sum minus = scale(a, -1);
    auto r = fits(minus) ? remainder_by(*this, minus, -b.constant) : std::nullopt;
    return r ? std::optional(scale(*r, -1)) : r;
  }
  if (a.is_zero() || budget <= 0) return a.is_zero() && nonzero(*this, b) ? std::optional(a) : std::nullopt;
  if (auto p = divide_polynomial(*this, a, b); p && nonzero(*this, b)) {
    if (p->rest.is_zero()) return p->rest;
    auto rest = remainder(p->rest, b);
    return rest ? rest : atom_of(*this, BinaryOp::floormod, p->rest, b);
  }
  if (!positive(b)) return {};
  if (between(*this, a, b)) return a;
  if (auto g = symbolic_group(*this, a, b)) {
    auto r = remainder(g->outer, g->divisor);
    if (!r) r = atom_of(*this, BinaryOp::floormod, g->outer, g->divisor);
    auto back = r ? multiply(*r, g->part, terms, 16) : std::nullopt;
    if (back) return combine(*back, g->inner, 1);
  }
  return {};
}

} // namespace tw::arith
