// SPDX-License-Identifier: Apache-2.0
#include "arith/terms.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace tw::arith {
namespace {

uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}
uint64_t word(const void* p) { return reinterpret_cast<uintptr_t>(p); }

// What an expression holds besides its children.
uint64_t payload(const Node* e) {
  if (const auto* x = as<IntImm>(e)) return mix(static_cast<uint64_t>(x->value), x->type.hash());
  if (const auto* x = as<FloatImm>(e)) return mix(std::bit_cast<uint64_t>(x->value), x->type.hash());
  if (const auto* x = as<Binary>(e)) return static_cast<uint64_t>(x->op);
  if (const auto* x = as<Unary>(e)) return static_cast<uint64_t>(x->op);
  if (const auto* x = as<Cast>(e)) return x->to.hash();
  if (const auto* x = as<Call>(e)) return word(x->intrinsic.id());
  if (const auto* x = as<Load>(e)) return mix(word(x->buffer.node()), static_cast<bool>(x->mask));
  if (const auto* x = as<Ramp>(e)) return static_cast<uint64_t>(x->lanes);
  if (const auto* x = as<Broadcast>(e)) return static_cast<uint64_t>(x->lanes);
  return word(e); // variables, lambdas, shuffles: themselves only
}
bool same_payload(const Node* a, const Node* b) {
  if (const auto* x = as<IntImm>(a)) return x->value == as<IntImm>(b)->value && x->type == as<IntImm>(b)->type;
  if (const auto* x = as<FloatImm>(a))
    return std::bit_cast<uint64_t>(x->value) == std::bit_cast<uint64_t>(as<FloatImm>(b)->value) && x->type == as<FloatImm>(b)->type;
  if (const auto* x = as<Load>(a))
    return x->buffer.same_as(as<Load>(b)->buffer) && static_cast<bool>(x->mask) == static_cast<bool>(as<Load>(b)->mask);
  return payload(a) == payload(b);
}
bool has_parts(const Node* e) { return !(as<Var>(e) || as<Lambda>(e) || as<Shuffle>(e)); }

int order_of(const Node* e) { return as<Var>(e) ? -1 : e->kind_id; }
template <class T> int three_way(const T& a, const T& b) { return a < b ? -1 : b < a ? 1 : 0; }

} // namespace

bool Sum::same(const Sum& other) const {
  return constant == other.constant && terms.size() == other.terms.size() &&
         std::equal(terms.begin(), terms.end(), other.terms.begin(),
                    [](const Term& a, const Term& b) { return a.product == b.product && a.coefficient == b.coefficient; });
}

int compare(const Atom* a, const Atom* b) {
  if (a == b) return 0;
  const Node *x = a->expr.node(), *y = b->expr.node();
  if (int c = three_way(order_of(x), order_of(y))) return c;
  if (const auto* v = as<Var>(x)) {
    if (int c = three_way(v->id.str(), as<Var>(y)->id.str())) return c;
    return three_way(a->sequence, b->sequence);
  }
  if (const auto* v = as<IntImm>(x)) {
    if (int c = three_way(v->value, as<IntImm>(y)->value)) return c;
    return three_way(v->type.hash(), as<IntImm>(y)->type.hash());
  }
  if (const auto* v = as<Call>(x))
    if (int c = three_way(v->intrinsic.str(), as<Call>(y)->intrinsic.str())) return c;
  if (const auto* v = as<Load>(x))
    if (int c = three_way(v->buffer->id.str(), as<Load>(y)->buffer->id.str())) return c;
  if (as<Binary>(x) || as<Unary>(x) || as<Cast>(x))
    if (int c = three_way(payload(x), payload(y))) return c;
  if (int c = three_way(a->children.size(), b->children.size())) return c;
  // Different children compare different, so this goes down one path only.
  for (size_t i = 0; i < a->children.size(); ++i)
    if (int c = compare(a->children[i], b->children[i])) return c;
  return three_way(a->sequence, b->sequence);
}

const Atom* Terms::add(const Ref<Expr>& e, std::vector<const Atom*> children, std::vector<const Atom*> factors, uint64_t hash) {
  bool data = as<Load>(e) || as<Call>(e);
  for (const Atom* c : children) data = data || c->data;
  atoms_.push_back({.expr = e,
                    .sequence = static_cast<uint32_t>(atoms_.size()),
                    .data = data,
                    .children = std::move(children),
                    .factors = std::move(factors)});
  const Atom* atom = &atoms_.back();
  by_node_.emplace(e.node(), atom);
  by_shape_.emplace(hash, atom);
  return atom;
}

const Atom* Terms::intern(const Ref<Expr>& e) {
  if (auto found = by_node_.find(e.node()); found != by_node_.end()) return found->second;
  std::vector<const Atom*> children;
  const Node* buffer = as<Load>(e) ? as<Load>(e)->buffer.node() : nullptr;
  if (has_parts(e.node()))
    for_children(e.node(), [&](const Node* c) {
      if (c != buffer) children.push_back(intern(as_ref<Expr>(c)));
    });
  if (const auto* b = as<Binary>(e)) return intern(b->op, children[0], children[1]);
  uint64_t hash = mix(payload(e.node()), e->kind_id);
  for (const Atom* c : children) hash = mix(hash, c->sequence);
  auto [first, last] = by_shape_.equal_range(hash);
  for (auto i = first; i != last; ++i) {
    const Atom* a = i->second;
    if (a->expr->kind_id == e->kind_id && a->children == children && same_payload(a->expr.node(), e.node())) return a;
  }
  Opt<Node> own = map_children(e.node(), [&, next = size_t(0)](const Node* c) mutable {
    return !has_parts(e.node()) || c == buffer ? Opt<Node>(c, 0) : Opt<Node>(children[next++]->expr);
  });
  return add(as_ref<Expr>(own), std::move(children), {}, hash);
}

const Atom* Terms::intern(BinaryOp op, const Atom* a, const Atom* b) {
  uint64_t hash = mix(mix(mix(static_cast<uint64_t>(op), kind_of<Binary>()), a->sequence), b->sequence);
  auto [first, last] = by_shape_.equal_range(hash);
  for (auto i = first; i != last; ++i) {
    const Atom* found = i->second;
    if (found->binary(op) && found->children[0] == a && found->children[1] == b) return found;
  }
  return add(make(Binary{.op = op, .a = a->expr, .b = b->expr}), {a, b}, {}, hash);
}

const Atom* Terms::product(std::vector<const Atom*> factors) {
  std::sort(factors.begin(), factors.end(), [](const Atom* a, const Atom* b) { return compare(a, b) < 0; });
  const Atom* result = factors[0];
  for (size_t i = 1; i < factors.size(); ++i) {
    result = intern(BinaryOp::mul, result, factors[i]);
    if (result->factors.empty()) const_cast<Atom*>(result)->factors.assign(factors.begin(), factors.begin() + i + 1);
  }
  return result;
}

std::optional<const Atom*> Terms::quotient(const Atom* a, const Atom* b) {
  if (a == b) return nullptr;
  if (!b) return a;
  if (!a || a->degree() <= b->degree()) return {};
  std::vector<const Atom*> rest = a->factors;
  auto remove = [&](const Atom* f) {
    auto found = std::find(rest.begin(), rest.end(), f);
    if (found == rest.end()) return false;
    rest.erase(found);
    return true;
  };
  if (b->factors.empty()) {
    if (!remove(b)) return {};
  } else {
    for (const Atom* f : b->factors)
      if (!remove(f)) return {};
  }
  return product(std::move(rest));
}

const Atom* Terms::multiply(const Atom* a, const Atom* b) {
  if (!a || !b) return a ? a : b;
  std::vector<const Atom*> factors;
  for (const Atom* p : {a, b}) {
    if (p->factors.empty()) factors.push_back(p);
    else factors.insert(factors.end(), p->factors.begin(), p->factors.end());
  }
  return product(std::move(factors));
}

const Atom* Terms::emit(const Sum& sum) {
  auto number = [&](int64_t v) { return intern(imm(v, sum.type)); };
  if (sum.terms.empty()) return number(sum.constant);
  if (sum.terms.size() == 1 && sum.constant == 0 && sum.terms[0].coefficient == 1) return sum.terms[0].product;
  std::vector<Term> terms = sum.terms;
  auto magnitude = [](int64_t c) { return c < 0 ? 0 - static_cast<uint64_t>(c) : static_cast<uint64_t>(c); };
  std::sort(terms.begin(), terms.end(), [&](const Term& a, const Term& b) {
    if ((a.coefficient > 0) != (b.coefficient > 0)) return a.coefficient > 0;
    if (a.product->degree() != b.product->degree()) return a.product->degree() > b.product->degree();
    if (a.coefficient != b.coefficient) return magnitude(a.coefficient) > magnitude(b.coefficient);
    return compare(a.product, b.product) < 0;
  });
  auto times = [&](const Atom* p, int64_t c) { return c == 1 ? p : intern(BinaryOp::mul, p, number(c)); };
  const Atom* result = nullptr;
  // Without a positive term a positive constant leads: 5 - i.
  int64_t constant = sum.constant;
  if (terms[0].coefficient < 0 && constant > 0) result = number(std::exchange(constant, 0));
  for (const Term& t : terms) {
    if (!result)
      result = t.coefficient == -1 ? intern(make(Unary{.op = UnaryOp::neg, .a = t.product->expr})) : times(t.product, t.coefficient);
    else if (t.coefficient > 0) result = intern(BinaryOp::add, result, times(t.product, t.coefficient));
    else result = intern(BinaryOp::sub, result, times(t.product, static_cast<int64_t>(magnitude(t.coefficient))));
  }
  if (constant > 0 || constant == minus_infinity) result = intern(BinaryOp::add, result, number(constant));
  else if (constant < 0) result = intern(BinaryOp::sub, result, number(-constant));
  return result;
}

// ---- sums

Sum constant_sum(int64_t value, DType type) { return {.type = type, .constant = value}; }
Sum atom_sum(const Atom* atom, int64_t coefficient) {
  Sum s{.type = atom->expr->dtype};
  if (coefficient) s.terms.push_back({atom, coefficient});
  return s;
}

namespace {
// a + factor * b with a note of any overflow.
int64_t multiply_add(int64_t a, int64_t b, int64_t factor, bool& exact) {
  int64_t product, sum;
  if (__builtin_mul_overflow(b, factor, &product)) exact = false;
  if (__builtin_add_overflow(a, product, &sum)) exact = false;
  return sum;
}
} // namespace

Sum combine(const Sum& a, const Sum& b, int64_t factor) {
  Sum out{.type = a.type, .exact = a.exact && b.exact};
  out.constant = multiply_add(a.constant, b.constant, factor, out.exact);
  out.terms.reserve(a.terms.size() + b.terms.size());
  auto i = a.terms.begin(), j = b.terms.begin();
  while (i != a.terms.end() || j != b.terms.end()) {
    if (j == b.terms.end() || (i != a.terms.end() && i->product->sequence < j->product->sequence)) {
      out.terms.push_back(*i++);
    } else if (i == a.terms.end() || j->product->sequence < i->product->sequence) {
      out.terms.push_back({j->product, multiply_add(0, j->coefficient, factor, out.exact)});
      ++j;
    } else {
      int64_t c = multiply_add(i->coefficient, j->coefficient, factor, out.exact);
      if (c) out.terms.push_back({i->product, c});
      ++i, ++j;
    }
  }
  return out;
}
Sum scale(const Sum& a, int64_t factor) {
  if (factor == 1) return a;
  Sum out{.type = a.type, .exact = a.exact};
  if (factor == 0) return out;
  out.constant = multiply_add(0, a.constant, factor, out.exact);
  for (const Term& t : a.terms)
    if (int64_t c = multiply_add(0, t.coefficient, factor, out.exact)) out.terms.push_back({t.product, c});
  return out;
}
Sum shift(Sum a, int64_t constant) {
  a.constant = multiply_add(a.constant, constant, 1, a.exact);
  return a;
}
void add_term(Sum& a, const Atom* product, int64_t coefficient) {
  auto at = std::lower_bound(a.terms.begin(), a.terms.end(), product->sequence,
                             [](const Term& t, uint32_t sequence) { return t.product->sequence < sequence; });
  if (at == a.terms.end() || at->product != product) {
    if (coefficient) a.terms.insert(at, {product, coefficient});
    return;
  }
  at->coefficient = multiply_add(at->coefficient, coefficient, 1, a.exact);
  if (!at->coefficient) a.terms.erase(at);
}
std::optional<Sum> multiply(const Sum& a, const Sum& b, Terms& terms, size_t limit) {
  if (a.is_constant() && a.exact) {
    Sum out = scale(b, a.constant);
    return out;
  }
  if (b.is_constant() && b.exact) return scale(a, b.constant);
  if (a.terms.size() * b.terms.size() > limit) return {};
  Sum out{.type = a.type, .exact = a.exact && b.exact};
  out.constant = multiply_add(0, a.constant, b.constant, out.exact);
  for (const Term& x : a.terms) {
    if (b.constant) add_term(out, x.product, multiply_add(0, x.coefficient, b.constant, out.exact));
    for (const Term& y : b.terms)
      add_term(out, terms.multiply(x.product, y.product), multiply_add(0, x.coefficient, y.coefficient, out.exact));
  }
  if (a.constant)
    for (const Term& y : b.terms) add_term(out, y.product, multiply_add(0, y.coefficient, a.constant, out.exact));
  return out;
}
int64_t common_divisor(const Sum& a) {
  uint64_t g = 0;
  for (const Term& t : a.terms)
    g = std::gcd(g, t.coefficient < 0 ? 0 - static_cast<uint64_t>(t.coefficient) : static_cast<uint64_t>(t.coefficient));
  return g > static_cast<uint64_t>(plus_infinity) ? 1 : static_cast<int64_t>(g);
}

} // namespace tw::arith
