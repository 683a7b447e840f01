// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/intrinsic_emitter.h"

#include "base/diagnostics.h"
#include "codegen/llvm/vector_math.h"

#include <cmath>
#include <unordered_map>

namespace tw::codegen {
namespace {

using Builder = llvm::IRBuilder<>;
using Args = std::vector<llvm::Value*>;
using Emit = llvm::Value* (*)(Builder&, const Target&, const Args&);

template <llvm::Intrinsic::ID id> llvm::Value* unary(Builder& b, const Target&, const Args& a) { return b.CreateUnaryIntrinsic(id, a[0]); }

llvm::Value* lane_sum(Builder& b, const Target&, const Args& a, bool product) {
  auto* type = llvm::cast<llvm::VectorType>(a[0]->getType())->getElementType();
  if (!type->isFloatingPointTy()) return product ? b.CreateMulReduce(a[0]) : b.CreateAddReduce(a[0]);
  auto* start = llvm::ConstantFP::get(type, product ? 1.0 : -0.0);
  auto* call = product ? b.CreateFMulReduce(start, a[0]) : b.CreateFAddReduce(start, a[0]);
  call->setHasAllowReassoc(true); // any order: a tree instead of a chain
  return call;
}

// A tree of comparisons that lets NaN through, which the processor's own reduction does not promise.
llvm::Value* lane_extreme(Builder& b, const Args& a, bool maximum) {
  auto* vector = llvm::cast<llvm::FixedVectorType>(a[0]->getType());
  if (!vector->getElementType()->isFloatingPointTy()) return maximum ? b.CreateIntMaxReduce(a[0], true) : b.CreateIntMinReduce(a[0], true);
  llvm::Value* v = a[0];
  for (unsigned lanes = vector->getNumElements(); lanes > 1; lanes /= 2) {
    std::vector<int> low, high;
    for (unsigned i = 0; i < lanes / 2; ++i) {
      low.push_back(static_cast<int>(i));
      high.push_back(static_cast<int>(i + lanes / 2));
    }
    auto *x = b.CreateShuffleVector(v, low), *y = b.CreateShuffleVector(v, high);
    auto* better = b.CreateSelect(maximum ? b.CreateFCmpOGT(x, y) : b.CreateFCmpOLT(x, y), x, y);
    v = b.CreateSelect(b.CreateFCmpUNO(x, x), x, better);
  }
  return b.CreateExtractElement(v, uint64_t{0});
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
      {"lane_add", [](Builder& b, const Target& t, const Args& a) { return lane_sum(b, t, a, false); }},
      {"lane_mul", [](Builder& b, const Target& t, const Args& a) { return lane_sum(b, t, a, true); }},
      {"lane_max", [](Builder& b, const Target&, const Args& a) { return lane_extreme(b, a, true); }},
      {"lane_min", [](Builder& b, const Target&, const Args& a) { return lane_extreme(b, a, false); }},
      {"lane_and", [](Builder& b, const Target&, const Args& a) -> llvm::Value* { return b.CreateAndReduce(a[0]); }},
      {"lane_or", [](Builder& b, const Target&, const Args& a) -> llvm::Value* { return b.CreateOrReduce(a[0]); }},
  };
  return rows;
}

} // namespace

llvm::Value* emit_intrinsic(Builder& builder, const Target& target, const std::string& name, const Args& args) {
  if (auto found = table().find(name); found != table().end()) return found->second(builder, target, args);
  if (const MathFunction* function = find_math_function(name)) return emit_math(builder, target, *function, args);
  throw internal_error("the LLVM code generator has no intrinsic '{}'", name);
}

} // namespace tw::codegen
