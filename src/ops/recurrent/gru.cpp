// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrence.h"

namespace tw::ops {

extern const OpDef gru = define_recurrent(
    "A gated recurrent unit; gates in the order update z, reset r, hidden h: h = (1 - z) * candidate + z * h. x: (steps, batch, inputs), "
    "weights: (directions, 3 * hidden, inputs), recurrent: (directions, 3 * hidden, hidden), bias: (directions, 6 * hidden): that of the "
    "inputs, then the recurrent one",
    "gru", {"x: float", "weights: float", "recurrent: float", "bias?: float", "lengths?: index", "initial_hidden?: float"},
    {"gru([[[1.0]]], [[[0.0], [0.0], [1.0]]], [[[0.0], [0.0], [0.0]]], hidden_size=1) == ([[[[0.38079708]]]], [[[0.38079708]]])"});

} // namespace tw::ops
