// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrence.h"

namespace tw::ops {

extern const OpDef rnn = define_recurrent(
    "h = f(x weights + h recurrent + bias) for each step: all h, and the last. x: (steps, batch, inputs), weights: (directions, 1 * "
    "hidden, inputs), recurrent: (directions, 1 * hidden, hidden), bias: (directions, 2 * hidden): that of the inputs, then the recurrent "
    "one",
    "rnn", {"x: float", "weights: float", "recurrent: float", "bias?: float", "lengths?: index", "initial_hidden?: float"},
    {"rnn([[[1.0]], [[2.0]]], [[[1.0]]], [[[0.5]]], hidden_size=1, activations=[relu]) == ([[[[1.0]]], [[[2.5]]]], [[[2.5]]])",
     "rnn([[[1.0]], [[2.0]]], [[[1.0]]], [[[0.5]]], [[0.25, 0.25]], hidden_size=1, direction=reverse, activations=[relu]) == ([[[[2.75]]], "
     "[[[2.5]]]], [[[2.75]]])"});

} // namespace tw::ops
