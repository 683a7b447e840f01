// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/intrinsic_emitter.h"

#include "base/diagnostics.h"
#include "codegen/llvm/vector_math.h"

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <bit>
#include <cmath>
#include <unordered_map>

namespace tw::codegen {
namespace {

using Builder = llvm::IRBuilder<>;
using Args = std::vector<llvm::Value*>;
using Emit = llvm::Value* (*)(Builder&, const Target&, const Args&);

template <llvm::Intrinsic::ID id> llvm::Value* unary(Builder& b, const Target&, const Args& a) { return b.CreateUnaryIntrinsic(id, a[0]); }

llvm::Value* lanes_from(Builder& b, llvm::Value* v, unsigned begin, unsigned count) {
  std::vector<int> lanes;
  for (unsigned i = 0; i < count; ++i) lanes.push_back(static_cast<int>(begin + i));
  return b.CreateShuffleVector(v, lanes);
}

// All lanes combined as a tree: whole registers first, then halves of one. The order is the same on every machine of equal vectors.
using Join = llvm::function_ref<llvm::Value*(llvm::Value*, llvm::Value*)>;
llvm::Value* joined_lanes(Builder& b, const Target& target, llvm::Value* v, Join join) {
  auto* type = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  if (!type) return v;
  unsigned lanes = type->getNumElements(), machine = static_cast<unsigned>(target.lanes(std::max(type->getScalarSizeInBits() / 8, 1u)));
  if (lanes == 1) return b.CreateExtractElement(v, uint64_t{0});
  if (lanes > machine && lanes % machine == 0) {
    std::vector<llvm::Value*> parts;
    for (unsigned at = 0; at < lanes; at += machine) parts.push_back(lanes_from(b, v, at, machine));
    while (parts.size() > 1) {
      std::vector<llvm::Value*> pairs;
      for (size_t i = 0; i + 1 < parts.size(); i += 2) pairs.push_back(join(parts[i], parts[i + 1]));
      if (parts.size() % 2) pairs.push_back(parts.back());
      parts = std::move(pairs);
    }
    return joined_lanes(b, target, parts[0], join);
  }
  unsigned half = lanes % 2 == 0 ? lanes / 2 : std::bit_floor(lanes);
  if (lanes % 2 == 0) return joined_lanes(b, target, join(lanes_from(b, v, 0, half), lanes_from(b, v, half, half)), join);
  auto *first = joined_lanes(b, target, lanes_from(b, v, 0, half), join),
       *rest = joined_lanes(b, target, lanes_from(b, v, half, lanes - half), join);
  return join(first, rest);
}

llvm::Value* lane_sum(Builder& b, const Target& target, const Args& a, bool product) {
  auto* type = llvm::cast<llvm::VectorType>(a[0]->getType())->getElementType();
  if (!type->isFloatingPointTy()) return product ? b.CreateMulReduce(a[0]) : b.CreateAddReduce(a[0]);
  return joined_lanes(b, target, a[0], [&](llvm::Value* x, llvm::Value* y) { return product ? b.CreateFMul(x, y) : b.CreateFAdd(x, y); });
}

// NaN comes through: comparisons alone, one instruction each, would lose it, so it is looked for by itself.
llvm::Value* lane_extreme(Builder& b, const Target& target, const Args& a, bool maximum) {
  auto* vector = llvm::cast<llvm::FixedVectorType>(a[0]->getType());
  if (!vector->getElementType()->isFloatingPointTy()) return maximum ? b.CreateIntMaxReduce(a[0], true) : b.CreateIntMinReduce(a[0], true);
  auto* best = joined_lanes(b, target, a[0], [&](llvm::Value* x, llvm::Value* y) {
    return b.CreateSelect(maximum ? b.CreateFCmpOGT(x, y) : b.CreateFCmpOLT(x, y), x, y);
  });
  auto* unordered = b.CreateOrReduce(b.CreateFCmpUNO(a[0], a[0]));
  return b.CreateSelect(unordered, llvm::ConstantFP::getNaN(vector->getElementType()), best);
}

const std::unordered_map<std::string, Emit>& table() {
  static const std::unordered_map<std::string, Emit> rows = {
      {"abs", unary<llvm::Intrinsic::fabs>},
      {"ceil", unary<llvm::Intrinsic::ceil>},
      {"floor", unary<llvm::Intrinsic::floor>},
      {"round", unary<llvm::Intrinsic::rint>},
      {"sqrt", unary<llvm::Intrinsic::sqrt>},
      {"trunc", unary<llvm::Intrinsic::trunc>},
      {"fma",
       [](Builder& b, const Target& t, const Args& a) -> llvm::Value* {
         if (!t.has_fma()) return b.CreateFAdd(b.CreateFMul(a[0], a[1]), a[2]);
         return b.CreateIntrinsic(llvm::Intrinsic::fma, {a[0]->getType()}, {a[0], a[1], a[2]});
       }},
      {"isnan", [](Builder& b, const Target&, const Args& a) -> llvm::Value* { return b.CreateFCmpUNO(a[0], a[0]); }},
      {"isinf",
       [](Builder& b, const Target&, const Args& a) -> llvm::Value* {
         auto* infinity = llvm::ConstantFP::getInfinity(a[0]->getType());
         return b.CreateFCmpOEQ(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, a[0]), infinity);
       }},
      {"rsqrt",
       [](Builder& b, const Target&, const Args& a) -> llvm::Value* {
         return b.CreateFDiv(llvm::ConstantFP::get(a[0]->getType(), 1.0), b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, a[0]));
       }},
      {"dot_pairs",
       [](Builder& b, const Target& t, const Args& a) -> llvm::Value* {
         return add_dot_pairs(b, t, llvm::Constant::getNullValue(a[0]->getType()), a[0], a[1]);
       }},
      {"lane_add", [](Builder& b, const Target& t, const Args& a) { return lane_sum(b, t, a, false); }},
      {"lane_mul", [](Builder& b, const Target& t, const Args& a) { return lane_sum(b, t, a, true); }},
      {"lane_max", [](Builder& b, const Target& t, const Args& a) { return lane_extreme(b, t, a, true); }},
      {"lane_min", [](Builder& b, const Target& t, const Args& a) { return lane_extreme(b, t, a, false); }},
      {"lane_and", [](Builder& b, const Target&, const Args& a) -> llvm::Value* { return b.CreateAndReduce(a[0]); }},
      {"lane_or", [](Builder& b, const Target&, const Args& a) -> llvm::Value* { return b.CreateOrReduce(a[0]); }},
  };
  return rows;
}

} // namespace

bool has_fused_pairs(const Target& target) { return target.has("avx512_vnni") || target.has("avx_vnni"); }

llvm::Value* add_dot_pairs(Builder& b, const Target& target, llvm::Value* sum, llvm::Value* x, llvm::Value* y) {
  auto* type = llvm::dyn_cast<llvm::FixedVectorType>(sum->getType());
  const unsigned lanes = type ? type->getNumElements() : 1;
  namespace I = llvm::Intrinsic;
  // Multiplied and added to the sum in one instruction, or in two.
  const bool wide = target.has("avx512_vnni"), narrow = (wide && target.has("avx512vl")) || target.has("avx_vnni");
  I::ID fused = I::not_intrinsic, pairs = I::not_intrinsic;
  if (lanes == 16 && wide) fused = I::x86_avx512_vpdpwssd_512;
  if (lanes == 8 && narrow) fused = I::x86_avx512_vpdpwssd_256;
  if (lanes == 4 && narrow) fused = I::x86_avx512_vpdpwssd_128;
  if (fused != I::not_intrinsic) return b.CreateIntrinsic(fused, {}, {sum, x, y});
  if (lanes == 16 && target.has("avx512bw")) pairs = I::x86_avx512_pmaddw_d_512;
  if (lanes == 8 && target.has("avx2")) pairs = I::x86_avx2_pmadd_wd;
  if (lanes == 4 && target.has("sse4_2")) pairs = I::x86_sse2_pmadd_wd;
  if (pairs != I::not_intrinsic) {
    auto* halves = llvm::FixedVectorType::get(b.getInt16Ty(), 2 * lanes);
    return b.CreateAdd(sum, b.CreateIntrinsic(pairs, {}, {b.CreateBitCast(x, halves), b.CreateBitCast(y, halves)}));
  }
  auto* bits = llvm::ConstantInt::get(sum->getType(), 16);
  auto lower = [&](llvm::Value* v) { return b.CreateAShr(b.CreateShl(v, bits), bits); };
  auto* both = b.CreateAdd(b.CreateMul(lower(x), lower(y)), b.CreateMul(b.CreateAShr(x, bits), b.CreateAShr(y, bits)));
  return b.CreateAdd(sum, both);
}

llvm::Value* emit_intrinsic(Builder& builder, const Target& target, const std::string& name, const Args& args) {
  if (auto found = table().find(name); found != table().end()) return found->second(builder, target, args);
  if (const MathFunction* function = find_math_function(name)) return emit_math(builder, target, *function, args);
  throw internal_error("the LLVM code generator has no intrinsic '{}'", name);
}

} // namespace tw::codegen
