// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrence.h"

namespace tw::ops {

extern const OpDef lstm =
    define_recurrent("A long short-term memory; gates in the order input i, output o, forget f, cell c; peepholes i, o, f: all h, the last "
                     "h, the last cell. x: (steps, batch, inputs), weights: (directions, 4 * hidden, inputs), recurrent: (directions, 4 * "
                     "hidden, hidden), bias: (directions, 8 * hidden): that of the inputs, then the recurrent one",
                     "lstm",
                     {"x: float", "weights: float", "recurrent: float", "bias?: float", "lengths?: index", "initial_hidden?: float",
                      "initial_cell?: float", "peepholes?: float"},
                     {"lstm([[[1.0]]], [[[0.0], [0.0], [0.0], [1.0]]], [[[0.0], [0.0], [0.0], [0.0]]], hidden_size=1) == "
                      "([[[[0.18169974]]]], [[[0.18169974]]], [[[0.38079708]]])"});

} // namespace tw::ops
