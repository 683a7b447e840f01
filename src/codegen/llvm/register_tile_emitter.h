// SPDX-License-Identifier: Apache-2.0
// A RegisterTile in final SSA: accumulators are phi nodes, the reduction is a loop nest whose innermost loop is unrolled, addresses are one
// running pointer for each stream of loads plus constant displacements. What decides the speed is measured in
// docs/measurements/register-tiles.md.
#pragma once

#include "codegen/llvm/kernel_emitter.h"

namespace tw::codegen {

void emit_register_tile(KernelEmitter& emitter, const RegisterTile& tile);

// Registers that the tile's reduction needs at once: accumulators, one row of column vectors, one broadcast.
int registers_needed(int rows, int vectors);

} // namespace tw::codegen
