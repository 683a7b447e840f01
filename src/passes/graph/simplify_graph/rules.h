// SPDX-License-Identifier: Apache-2.0
// Rules of simplify_graph: for a call of the named operator, what it may be replaced by. Each family is one table in one file; a rule that
// does not apply gives nothing. Rules keep values to the bit unless their text says otherwise; `exact` leaves those out.
#pragma once

#include "passes/operands.h"

namespace tw::passes {

struct GraphRule {
  const char* op;
  const char* text; // what it does, for people
  Replacement (*apply)(GraphRewriter& graph, const OpCall& call);
  bool rounds = false; // may change results within rounding
};

std::span<const GraphRule> arithmetic_rules();
std::span<const GraphRule> movement_rules();
std::span<const GraphRule> activation_rules();
std::span<const GraphRule> join_rules();
std::span<const GraphRule> product_rules();
std::span<const GraphRule> slice_rules();

// Chains of reshape, transpose, slice and constant gather that only pick along single axes, as slices and gathers along these axes.
Replacement simplify_view(GraphRewriter& graph, const OpCall& call);

} // namespace tw::passes
