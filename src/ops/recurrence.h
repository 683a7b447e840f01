// SPDX-License-Identifier: Apache-2.0
// What recurrent operators share. The products of inputs and weights do not depend on the steps before: one matrix product gives them for
// all steps; what is left for each step is the operator `recurrence`.
#pragma once

#include "ops/op.h"

namespace tw::ops {

struct RecurrentAttributes {
  int64_t hidden_size = 0;
  Name direction = "forward";       // forward, reverse, bidirectional
  List<Name> activations;           // for each direction; empty: the usual ones
  List<double> alphas, betas;       // of the activations, in order; empty: each activation's own
  double clip = 0;                  // 0: none; else what enters an activation is limited to [-clip, clip]
  bool input_forget = false;        // lstm: the forget gate is 1 - the input gate
  bool linear_before_reset = false; // gru: the reset gate is applied after the recurrent product
  bool batch_first = false;         // data is (batch, steps, …), states are (batch, directions, hidden)
  static constexpr auto fields = std::tuple{field("hidden_size", &RecurrentAttributes::hidden_size),
                                            field("direction", &RecurrentAttributes::direction),
                                            field("activations", &RecurrentAttributes::activations),
                                            field("alphas", &RecurrentAttributes::alphas),
                                            field("betas", &RecurrentAttributes::betas),
                                            field("clip", &RecurrentAttributes::clip),
                                            field("input_forget", &RecurrentAttributes::input_forget),
                                            field("linear_before_reset", &RecurrentAttributes::linear_before_reset),
                                            field("batch_first", &RecurrentAttributes::batch_first)};
};

// Inputs of lstm, gru, rnn: x, weights, recurrent weights, bias?, lengths?, initial hidden?, (lstm: initial cell?, peepholes?).
struct Cell {
  const char* name;
  int64_t gates;
  std::vector<Name> activations; // the usual ones
};
Cell cell_of(const Name& name);
int64_t directions_of(const RecurrentAttributes& a);

// The function of an activation by name; alpha and beta NaN: its own defaults. User error for an unknown name.
Ref<Expr> activate(const Name& name, double alpha, double beta, const Ref<Expr>& x);

OpDef define_recurrent(std::string doc, const char* cell, std::vector<std::string> inputs, std::vector<std::string> examples);

} // namespace tw::ops
