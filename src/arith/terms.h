// SPDX-License-Identifier: Apache-2.0
// The simplifier's own view of expressions: atoms, which are interned (equal ones are one object), and sums of products of atoms.
//
//   3*i*n + 2*(j // 4) - 1   is   {3: [i * n], 2: [j // 4]} and the constant -1
//
// A sum equals its expression modulo 2^width always, and as integers if `exact`. Only exact sums may be divided or compared.
#pragma once

#include "arith/interval.h"

#include <deque>

namespace tw::arith {

struct Atom {
  Ref<Expr> expr;
  uint32_t sequence;                 // by first meeting
  bool data;                         // depends on memory or an intrinsic: no promise that arithmetic on it does not overflow
  std::vector<const Atom*> children; // interned as well
  std::vector<const Atom*> factors;  // of a product: two or more, in order; else empty
  mutable uint64_t generation = 0;   // of the facts that `bounds` and `multiple` rest on
  mutable Bounds bounds;
  mutable int64_t multiple = 1;

  size_t degree() const { return factors.empty() ? 1 : factors.size(); }
  const Binary* binary(BinaryOp op) const {
    const auto* b = as<Binary>(expr);
    return b && b->op == op ? b : nullptr;
  }
};

struct Term {
  const Atom* product;
  int64_t coefficient;
};

struct Sum {
  DType type = i64;
  bool exact = true;
  int64_t constant = 0;
  std::vector<Term> terms; // sorted by the product's sequence; no coefficient is 0

  bool is_constant() const { return terms.empty(); }
  bool is_zero() const { return terms.empty() && constant == 0; }
  bool same(const Sum& other) const;
};

// A total order that does not depend on addresses: variables first, by name; then by kind and parts.
int compare(const Atom* a, const Atom* b);

class Terms {
public:
  const Atom* intern(const Ref<Expr>& e);
  const Atom* intern(BinaryOp op, const Atom* a, const Atom* b);
  const Atom* product(std::vector<const Atom*> factors);
  // The factors of a without those of b; empty optional if b does not divide a. A null atom stands for 1.
  std::optional<const Atom*> quotient(const Atom* a, const Atom* b);
  const Atom* multiply(const Atom* a, const Atom* b);
  const Atom* emit(const Sum& sum);

private:
  struct Shallow;
  const Atom* add(const Ref<Expr>& e, std::vector<const Atom*> children, std::vector<const Atom*> factors, uint64_t hash);
  std::deque<Atom> atoms_;
  std::unordered_map<const Node*, const Atom*> by_node_;
  std::unordered_multimap<uint64_t, const Atom*> by_shape_;
};

// ---- sums. Coefficients wrap modulo 2^64; a wrap makes the sum inexact.
Sum constant_sum(int64_t value, DType type);
Sum atom_sum(const Atom* atom, int64_t coefficient = 1);
// a + factor * b
Sum combine(const Sum& a, const Sum& b, int64_t factor);
Sum scale(const Sum& a, int64_t factor);
Sum shift(Sum a, int64_t constant);
void add_term(Sum& a, const Atom* product, int64_t coefficient);
std::optional<Sum> multiply(const Sum& a, const Sum& b, Terms& terms, size_t limit);
// The greatest common divisor of the coefficients (not of the constant); 0 if there are none.
int64_t common_divisor(const Sum& a);

} // namespace tw::arith
