// SPDX-License-Identifier: Apache-2.0
// Patterns of recognise_patterns, one file each, and what they share: products as a flat list of factors, whatever the order and nesting in
// which a model wrote them. A pattern matches only what means exactly the operator that replaces it; constants are compared at the
// precision that models write them with.
#pragma once

#include "passes/operands.h"

namespace tw::passes {

struct GraphPattern {
  const char* root; // the operator of its last call
  const char* text;
  Replacement (*match)(GraphRewriter& graph, const OpCall& call);
};

std::span<const GraphPattern> gelu_patterns();
std::span<const GraphPattern> swish_patterns();
std::span<const GraphPattern> softmax_patterns();
std::span<const GraphPattern> norm_patterns();
std::span<const GraphPattern> attention_patterns();

// constant * factors[0] * factors[1] * …: mul, and div by a constant, taken apart where nobody else reads the parts.
struct Product {
  double constant = 1;
  std::vector<Ref<Operand>> factors;
};
Product product_of(const GraphRewriter& graph, const Ref<Operand>& x);
Product product_of(const GraphRewriter& graph, const OpCall& call);

// x + constant for one uniform constant: add, or sub of a constant.
struct Offset {
  Ref<Operand> x;
  double constant;
};
std::optional<Offset> offset_of(const GraphRewriter& graph, const Opt<Operand>& x);

// a / sqrt(b) and its other spellings.
struct Quotient {
  Ref<Operand> above, under_root;
};
std::optional<Quotient> quotient_by_root(const GraphRewriter& graph, const OpCall& call);

// The axes of a reduction as 0 … rank - 1, sorted; all if it names none.
std::vector<int64_t> reduced_axes(const OpCall& call);
// The first axis, if the axes are the last ones without a gap.
std::optional<int64_t> trailing_axes(const std::vector<int64_t>& axes, size_t rank);

} // namespace tw::passes
