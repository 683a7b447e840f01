// SPDX-License-Identifier: Apache-2.0
// One register tile of a float32 matrix product as LLVM IR: C[mr][nv vectors] = A[mr][k] * B[k][nv vectors].
//
// The tile is emitted as finished SSA, the way the compiler would: accumulators are phi nodes, the loop over k is unrolled by hand. What
// varies is the size of the tile and how a row of A is addressed, because registers for addresses run out before vector registers do.
#pragma once

#include <llvm/IR/Module.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tw::bench {

enum class Rows {
  constant, // the stride of A is known: rows are immediate displacements from one pointer
  strided,  // the stride is an argument: one pointer for each three rows, plus once and twice the stride
  table,    // an argument holds one offset for each row
};

struct TileShape {
  int mr, nv, unroll;
  int64_t k, lda;
  Rows rows = Rows::constant;
  int lanes = 16;
};

std::string name_of(const TileShape& shape);

// void name(const float* a, const float* b, float* c, const int64_t* rows): `rows` holds byte offsets (or the stride alone). C is dense.
std::unique_ptr<llvm::Module> build_tile(llvm::LLVMContext& context, const TileShape& shape);

} // namespace tw::bench
