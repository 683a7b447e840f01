// SPDX-License-Identifier: Apache-2.0
// Expressions of kernels: one LLVM value for each, of the element's register type; float16 and bfloat16 live as floats that are rounded
// after each operation, which is what the semantics say (convert, compute, round once).
#include "codegen/llvm/intrinsic_emitter.h"
#include "codegen/llvm/kernel_emitter.h"
#include "ir/build.h"
#include "target/register_tile.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

namespace tw::codegen {

namespace {
llvm::Type* with_lanes(llvm::Type* type, int lanes) {
  return lanes == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
}
bool is_narrow_float(DType type) { return type.is_float() && type.bits == 16; }
} // namespace

llvm::Value* KernelEmitter::shuffle(const Shuffle& e) {
  TW_CHECK(e.vectors.size() <= 2, "a shuffle of {} vectors", e.vectors.size());
  auto *a = expression(e.vectors[0]), *b = e.vectors.size() > 1 ? expression(e.vectors[1]) : llvm::PoisonValue::get(a->getType());
  llvm::SmallVector<int> lanes;
  for (int64_t lane : e.indices) lanes.push_back(static_cast<int>(lane));
  return builder_.CreateShuffleVector(a, b, lanes);
}

llvm::Type* KernelEmitter::value_type(DType type) {
  llvm::Type* scalar = nullptr;
  if (type.is_bool()) scalar = builder_.getInt1Ty();
  else if (type.is_int()) scalar = builder_.getIntNTy(type.bits);
  else scalar = type.bits == 64 ? builder_.getDoubleTy() : builder_.getFloatTy();
  return with_lanes(scalar, type.lanes);
}

llvm::Type* KernelEmitter::storage_type(DType type) {
  if (type.is_bool()) return with_lanes(builder_.getInt8Ty(), type.lanes);
  if (is_narrow_float(type)) return with_lanes(builder_.getInt16Ty(), type.lanes);
  return value_type(type);
}

llvm::Value* KernelEmitter::from_storage(llvm::Value* stored, DType type) {
  if (type.is_bool()) return builder_.CreateICmpNE(stored, llvm::Constant::getNullValue(stored->getType()));
  if (type.element() == bf16) {
    auto* wide = with_lanes(builder_.getInt32Ty(), type.lanes);
    return builder_.CreateBitCast(builder_.CreateShl(builder_.CreateZExt(stored, wide), 16), value_type(type));
  }
  if (type.element() == f16) {
    if (target_.has("f16c"))
      return builder_.CreateFPExt(builder_.CreateBitCast(stored, with_lanes(builder_.getHalfTy(), type.lanes)), value_type(type));
    // Scaling by 2^112 moves the exponent where float has it, and makes subnormals right; infinities and NaN need their exponent filled.
    auto* wide = with_lanes(builder_.getInt32Ty(), type.lanes);
    auto* bits = builder_.CreateZExt(stored, wide);
    auto constant = [&](uint32_t v) { return llvm::ConstantInt::get(wide, v); };
    auto* magnitude = builder_.CreateShl(builder_.CreateAnd(bits, constant(0x7fff)), 13);
    auto* scaled =
        builder_.CreateFMul(builder_.CreateBitCast(magnitude, value_type(type)), llvm::ConstantFP::get(value_type(type), 0x1p112));
    auto* special = builder_.CreateICmpUGE(magnitude, constant(0x7c00u << 13));
    auto* filled = builder_.CreateOr(magnitude, constant(0x7f800000u));
    auto* value = builder_.CreateSelect(special, filled, builder_.CreateBitCast(scaled, wide));
    auto* sign = builder_.CreateShl(builder_.CreateAnd(bits, constant(0x8000)), 16);
    return builder_.CreateBitCast(builder_.CreateOr(value, sign), value_type(type));
  }
  return stored;
}

llvm::Value* KernelEmitter::to_storage(llvm::Value* value, DType type) {
  if (type.is_bool()) return builder_.CreateZExt(value, storage_type(type));
  if (!is_narrow_float(type)) return value;
  auto* wide = with_lanes(builder_.getInt32Ty(), type.lanes);
  auto constant = [&](uint32_t v) { return llvm::ConstantInt::get(wide, v); };
  if (type.element() == f16 && target_.has("f16c"))
    return builder_.CreateBitCast(builder_.CreateFPTrunc(value, with_lanes(builder_.getHalfTy(), type.lanes)), storage_type(type));
  auto* bits = builder_.CreateBitCast(value, wide);
  auto* magnitude = builder_.CreateAnd(bits, constant(0x7fffffff));
  auto* is_nan = builder_.CreateICmpUGT(magnitude, constant(0x7f800000));
  if (type.element() == bf16) {
    auto* odd = builder_.CreateAnd(builder_.CreateLShr(bits, 16), constant(1));
    auto* rounded = builder_.CreateLShr(builder_.CreateAdd(bits, builder_.CreateAdd(odd, constant(0x7fff))), 16);
    auto* quiet = builder_.CreateOr(builder_.CreateLShr(bits, 16), constant(0x40));
    return builder_.CreateTrunc(builder_.CreateSelect(is_nan, quiet, rounded), storage_type(type));
  }
  // The same three ranges as float_to_half in base/dtype.cpp: too large, subnormal, normal.
  auto* odd = builder_.CreateAnd(builder_.CreateLShr(magnitude, 13), constant(1));
  auto* normal = builder_.CreateLShr(
      builder_.CreateSub(builder_.CreateAdd(magnitude, builder_.CreateAdd(odd, constant(0xfff))), constant(0x38000000)), 13);
  auto* shifted = builder_.CreateFAdd(builder_.CreateBitCast(magnitude, value_type(type)), llvm::ConstantFP::get(value_type(type), 0.5));
  auto* subnormal = builder_.CreateSub(builder_.CreateBitCast(shifted, wide), constant(0x3f000000));
  auto* result = builder_.CreateSelect(builder_.CreateICmpULT(magnitude, constant(0x38800000)), subnormal, normal);
  result = builder_.CreateSelect(builder_.CreateICmpUGE(magnitude, constant(0x477ff000)), constant(0x7c00), result);
  result = builder_.CreateSelect(is_nan, constant(0x7e00), result);
  auto* sign = builder_.CreateAnd(builder_.CreateLShr(bits, 16), constant(0x8000));
  return builder_.CreateTrunc(builder_.CreateOr(result, sign), storage_type(type));
}

llvm::Value* KernelEmitter::round_to(llvm::Value* value, DType type) {
  return is_narrow_float(type) ? from_storage(to_storage(value, type), type) : value;
}

llvm::Value* KernelEmitter::splat(llvm::Value* scalar, int lanes) {
  return lanes == 1 || scalar->getType()->isVectorTy() ? scalar : builder_.CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
}

llvm::Value* KernelEmitter::literal(double value, DType type) {
  auto* scalar = value_type(type.element());
  llvm::Constant* constant =
      type.is_float() ? llvm::ConstantFP::get(scalar, value) : llvm::ConstantInt::get(scalar, static_cast<int64_t>(value), true);
  return splat(constant, type.lanes);
}

llvm::Value* KernelEmitter::load_at(llvm::Value* address, DType type) {
  auto* stored = builder_.CreateAlignedLoad(storage_type(type), address, llvm::Align(static_cast<uint64_t>(type.bytes())));
  return from_storage(stored, type);
}

llvm::Value* KernelEmitter::masked_load_at(llvm::Value* address, DType type, llvm::Value* mask) {
  llvm::Align align(static_cast<uint64_t>(type.bytes()));
  auto* nothing = llvm::Constant::getNullValue(storage_type(type));
  return from_storage(builder_.CreateMaskedLoad(storage_type(type), address, align, mask, nothing), type);
}

void KernelEmitter::ask_for(llvm::Value* address) {
  builder_.CreateIntrinsic(llvm::Intrinsic::prefetch, {address->getType()},
                           {address, builder_.getInt32(0), builder_.getInt32(2), builder_.getInt32(1)}); // read, second-level cache, data
}

// Whole vectors, the last of which ends with the last element that counts, so that nothing behind it is touched. Of them shuffles take the
// lanes that count: each element costs a lane of a load and of a shuffle, in a gather it costs a load.
llvm::Value* KernelEmitter::strided_load_at(llvm::Value* address, DType type, int64_t stride, int64_t count) {
  const int64_t lanes = type.lanes, span = (count - 1) * stride + 1, parts = (span + lanes - 1) / lanes;
  auto *element = storage_type(type.element()), *vector = storage_type(type);
  llvm::Align align(static_cast<uint64_t>(type.element().bytes()));
  if (stride == -1) {
    auto* first = builder_.CreateConstInBoundsGEP1_64(element, address, static_cast<uint64_t>(1 - lanes));
    return from_storage(builder_.CreateVectorReverse(builder_.CreateAlignedLoad(vector, first, align)), type);
  }
  llvm::Value* result = llvm::PoisonValue::get(vector);
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = part + 1 < parts ? part * lanes : std::max<int64_t>(span - lanes, 0);
    auto* at = begin ? builder_.CreateConstInBoundsGEP1_64(element, address, static_cast<uint64_t>(begin)) : address;
    llvm::SmallVector<llvm::Constant*> inside;
    llvm::SmallVector<int> taken;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t of = lane < count ? std::min(lane * stride / lanes, parts - 1) : parts;
      inside.push_back(builder_.getInt1(lane < span));
      taken.push_back(static_cast<int>(of < part ? lane : of == part ? lanes + lane * stride - begin : -1));
    }
    llvm::Value* loaded = nullptr;
    if (span < lanes) loaded = builder_.CreateMaskedLoad(vector, at, align, llvm::ConstantVector::get(inside));
    else loaded = builder_.CreateAlignedLoad(vector, at, align);
    result = builder_.CreateShuffleVector(result, loaded, taken);
  }
  return from_storage(result, type);
}

llvm::Value* KernelEmitter::addresses(llvm::Value* pointer, llvm::Value* index, DType type) {
  return builder_.CreateGEP(storage_type(type.element()), pointer, index);
}

llvm::Value* KernelEmitter::load(const Load& e) {
  auto* pointer = pointer_of(*e.buffer);
  DType type = e.dtype;
  auto* mask = e.mask ? expression(as_ref<Expr>(e.mask)) : nullptr;
  if (type.lanes == 1) {
    auto* address = builder_.CreateGEP(storage_type(type), pointer, expression(e.index[0]));
    if (!mask) return load_at(address, type);
    // A masked-off scalar reads its own zero instead of memory.
    llvm::IRBuilder<> at_entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    auto* nothing = at_entry.CreateAlloca(storage_type(type));
    builder_.CreateStore(llvm::Constant::getNullValue(storage_type(type)), nothing);
    return load_at(builder_.CreateSelect(mask, address, nothing), type);
  }
  llvm::Align align(static_cast<uint64_t>(type.bytes()));
  const auto* ramp = as<Ramp>(e.index[0]);
  if (ramp && is_int(ramp->stride, 1)) {
    auto* address = builder_.CreateGEP(storage_type(type.element()), pointer, expression(ramp->base));
    if (auto distance = ahead_.find(e.buffer.node()); distance != ahead_.end())
      ask_for(builder_.CreateConstGEP1_64(builder_.getInt8Ty(), address, static_cast<uint64_t>(distance->second)));
    if (!mask) return load_at(address, type);
    return masked_load_at(address, type, mask);
  }
  if (auto stride = ramp ? as_int(ramp->stride) : std::nullopt; stride && !mask && (*stride == -1 || is_shuffled(*stride)))
    return strided_load_at(builder_.CreateGEP(storage_type(type.element()), pointer, expression(ramp->base)), type, *stride, type.lanes);
  if (!mask) mask = splat(builder_.getTrue(), type.lanes);
  // What all lanes add to their index moves the pointer: indices that were made from 32 bits then stay as narrow in the gather.
  Ref<Expr> index = e.index[0];
  if (const auto* sum = as<Binary>(index); sum && sum->op == BinaryOp::add)
    for (const auto& [common, own] : {std::pair(sum->a, sum->b), std::pair(sum->b, sum->a)})
      if (const auto* same = as<Broadcast>(common)) {
        pointer = builder_.CreateGEP(storage_type(type.element()), pointer, expression(same->value));
        index = own;
        break;
      }
  auto* places = addresses(pointer, expression(index), type);
  return from_storage(
      builder_.CreateMaskedGather(storage_type(type), places, align, mask, llvm::Constant::getNullValue(storage_type(type))), type);
}

llvm::Value* KernelEmitter::integer_division(llvm::Value* a, llvm::Value* b, DType type, bool remainder, bool non_negative) {
  auto* zero = llvm::Constant::getNullValue(a->getType());
  auto* one = llvm::ConstantInt::get(a->getType(), 1);
  bool constant = llvm::isa<llvm::Constant>(b);
  if (!constant) b = builder_.CreateSelect(builder_.CreateICmpEQ(b, zero), one, b); // the processor would trap
  if (type.is_unsigned() || non_negative) return remainder ? builder_.CreateURem(a, b) : builder_.CreateUDiv(a, b);
  llvm::Value* minus = nullptr; // lanes where b is -1, whose quotient may overflow
  if (!constant) {
    minus = builder_.CreateICmpEQ(b, llvm::Constant::getAllOnesValue(a->getType()));
    b = builder_.CreateSelect(minus, one, b);
  }
  auto* q = builder_.CreateSDiv(a, b);
  auto* r = builder_.CreateSub(a, builder_.CreateMul(q, b));
  auto* differs = builder_.CreateICmpSLT(builder_.CreateXor(r, b), zero);
  auto* below = builder_.CreateAnd(builder_.CreateICmpNE(r, zero), differs);
  if (remainder) return builder_.CreateAdd(r, builder_.CreateSelect(below, b, zero));
  auto* floor = builder_.CreateSub(q, builder_.CreateZExt(below, a->getType()));
  return minus ? builder_.CreateSelect(minus, builder_.CreateNeg(a), floor) : floor;
}

llvm::Value* KernelEmitter::minimum_maximum(llvm::Value* a, llvm::Value* b, DType type, bool maximum) {
  if (type.is_int() || type.is_bool()) {
    auto id = type.is_signed() ? (maximum ? llvm::Intrinsic::smax : llvm::Intrinsic::smin)
                               : (maximum ? llvm::Intrinsic::umax : llvm::Intrinsic::umin);
    return builder_.CreateBinaryIntrinsic(id, a, b);
  }
  // `c > x ? c : x` is one instruction, and gives x where x is NaN; the other operand's NaN needs a look of its own unless it is a literal.
  auto plain = [&](llvm::Value* c, llvm::Value* x) {
    return builder_.CreateSelect(maximum ? builder_.CreateFCmpOGT(c, x) : builder_.CreateFCmpOLT(c, x), c, x);
  };
  if (llvm::isa<llvm::Constant>(b)) return plain(b, a);
  if (llvm::isa<llvm::Constant>(a)) return plain(a, b);
  return builder_.CreateSelect(builder_.CreateFCmpUNO(a, a), a, plain(a, b));
}

llvm::Value* KernelEmitter::binary(BinaryOp op, llvm::Value* a, llvm::Value* b, DType type) {
  bool real = type.is_float(), is_signed = type.is_signed();
  auto compare = [&](llvm::CmpInst::Predicate f, llvm::CmpInst::Predicate s, llvm::CmpInst::Predicate u) -> llvm::Value* {
    return real ? builder_.CreateFCmp(f, a, b) : builder_.CreateICmp(is_signed ? s : u, a, b);
  };
  using P = llvm::CmpInst;
  switch (op) {
  case BinaryOp::add: return real ? round_to(builder_.CreateFAdd(a, b), type) : builder_.CreateAdd(a, b);
  case BinaryOp::sub: return real ? round_to(builder_.CreateFSub(a, b), type) : builder_.CreateSub(a, b);
  case BinaryOp::mul: return real ? round_to(builder_.CreateFMul(a, b), type) : builder_.CreateMul(a, b);
  case BinaryOp::div: return round_to(builder_.CreateFDiv(a, b), type);
  case BinaryOp::floordiv: return integer_division(a, b, type, false, false);
  case BinaryOp::floormod: return integer_division(a, b, type, true, false);
  case BinaryOp::min: return minimum_maximum(a, b, type, false);
  case BinaryOp::max: return minimum_maximum(a, b, type, true);
  case BinaryOp::eq: return compare(P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ);
  case BinaryOp::ne: return compare(P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE);
  case BinaryOp::lt: return compare(P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT);
  case BinaryOp::le: return compare(P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE);
  case BinaryOp::gt: return compare(P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT);
  case BinaryOp::ge: return compare(P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE);
  case BinaryOp::logical_and:
  case BinaryOp::bit_and: return builder_.CreateAnd(a, b);
  case BinaryOp::logical_or:
  case BinaryOp::bit_or: return builder_.CreateOr(a, b);
  case BinaryOp::bit_xor: return builder_.CreateXor(a, b);
  case BinaryOp::shift_left:
  case BinaryOp::shift_right: {
    auto* width = llvm::ConstantInt::get(a->getType(), type.bits);
    auto* small = builder_.CreateICmpULT(b, width);
    auto* amount = builder_.CreateSelect(small, b, llvm::ConstantInt::get(a->getType(), type.bits - 1));
    if (op == BinaryOp::shift_right && is_signed) return builder_.CreateAShr(a, amount);
    auto* shifted = op == BinaryOp::shift_left ? builder_.CreateShl(a, amount) : builder_.CreateLShr(a, amount);
    return builder_.CreateSelect(small, shifted, llvm::Constant::getNullValue(a->getType()));
  }
  }
  throw internal_error("unknown binary operation");
}

llvm::Value* KernelEmitter::unary(UnaryOp op, llvm::Value* a, DType type) {
  switch (op) {
  case UnaryOp::neg: return type.is_float() ? builder_.CreateFNeg(a) : builder_.CreateNeg(a);
  case UnaryOp::logical_not:
  case UnaryOp::bit_not: return builder_.CreateNot(a);
  }
  throw internal_error("unknown unary operation");
}

llvm::Value* KernelEmitter::select(llvm::Value* cond, llvm::Value* a, llvm::Value* b) { return builder_.CreateSelect(cond, a, b); }

// Of vectors LLVM saturates lane by lane; here they are clamped first, so that the conversion itself is defined for every lane.
llvm::Value* KernelEmitter::saturated(llvm::Value* value, DType to) {
  auto *real = value->getType(), *type = value_type(to);
  if (!real->isVectorTy()) {
    auto id = to.is_signed() ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return builder_.CreateIntrinsic(id, {type, real}, {value});
  }
  const auto width = static_cast<unsigned>(to.bits);
  const llvm::APInt least = to.is_signed() ? llvm::APInt::getSignedMinValue(width) : llvm::APInt::getMinValue(width);
  const llvm::APInt most = to.is_signed() ? llvm::APInt::getSignedMaxValue(width) : llvm::APInt::getMaxValue(width);
  // The largest value of the float type that does not exceed `most`.
  llvm::APFloat highest(real->getScalarType()->getFltSemantics());
  const bool exact = highest.convertFromAPInt(most, to.is_signed(), llvm::APFloat::rmTowardZero) == llvm::APFloat::opOK;
  llvm::APFloat lowest(highest.getSemantics());
  lowest.convertFromAPInt(least, to.is_signed(), llvm::APFloat::rmTowardZero);
  auto *low = llvm::ConstantFP::get(real, lowest), *high = llvm::ConstantFP::get(real, highest);
  auto* clamped = builder_.CreateSelect(builder_.CreateFCmpOLT(value, high), value, high);
  clamped = builder_.CreateSelect(builder_.CreateFCmpOGT(clamped, low), clamped, low);
  auto* result = to.is_signed() ? builder_.CreateFPToSI(clamped, type) : builder_.CreateFPToUI(clamped, type);
  if (!exact) result = builder_.CreateSelect(builder_.CreateFCmpOGT(value, high), llvm::ConstantInt::get(type, most), result);
  return builder_.CreateSelect(builder_.CreateFCmpUNO(value, value), llvm::Constant::getNullValue(type), result);
}

llvm::Value* KernelEmitter::cast(llvm::Value* value, DType from, DType to) {
  to = to.with_lanes(from.lanes);
  if (from == to) return value;
  auto* type = value_type(to);
  if (to.is_bool())
    return from.is_float() ? builder_.CreateFCmpUNE(value, llvm::Constant::getNullValue(value->getType()))
                           : builder_.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
  if (from.is_float() && to.is_float()) {
    if (value->getType() != type) value = to.bits == 64 ? builder_.CreateFPExt(value, type) : builder_.CreateFPTrunc(value, type);
    return round_to(value, to);
  }
  if (from.is_float()) return saturated(value, to);
  if (to.is_float()) return round_to(from.is_signed() ? builder_.CreateSIToFP(value, type) : builder_.CreateUIToFP(value, type), to);
  return from.is_signed() ? builder_.CreateSExtOrTrunc(value, type) : builder_.CreateZExtOrTrunc(value, type);
}

llvm::Value* KernelEmitter::intrinsic(const std::string& name, const std::vector<llvm::Value*>& args, DType type) {
  if (name == "abs" && type.is_int()) {
    if (type.is_unsigned()) return args[0];
    return builder_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, args[0], builder_.getFalse());
  }
  llvm::Value* result = emit_intrinsic(builder_, target_, name, args);
  return name == "isnan" || name == "isinf" ? result : round_to(result, type);
}

llvm::Value* KernelEmitter::expression(const Ref<Expr>& e) {
  if (auto found = variables_.find(e.node()); found != variables_.end()) return found->second;
  if (auto found = memo_.find(e.node()); found != memo_.end()) return found->second;
  auto* value = compute(e);
  memo_.emplace(e.node(), value);
  alive_.emplace_back(e.node(), 0);
  return value;
}

llvm::Value* KernelEmitter::compute(const Ref<Expr>& e) {
  if (const auto* x = as<IntImm>(e)) return llvm::ConstantInt::get(value_type(x->type), static_cast<uint64_t>(x->value), true);
  if (const auto* x = as<FloatImm>(e)) return llvm::ConstantFP::get(value_type(x->type), x->value);
  if (const auto* x = as<Var>(e)) throw internal_error("variable '{}' is used outside its scope", x->id.str());
  if (const auto* x = as<Binary>(e)) {
    auto* a = expression(x->a);
    auto* b = expression(x->b);
    if ((x->op == BinaryOp::floordiv || x->op == BinaryOp::floormod) && x->dtype == i64) {
      // Index arithmetic is rarely negative, and then much cheaper.
      bool non_negative = analyzer_->bounds(x->a).min >= 0 && analyzer_->bounds(x->b).min > 0;
      return integer_division(a, b, x->dtype, x->op == BinaryOp::floormod, non_negative);
    }
    return binary(x->op, a, b, x->a->dtype);
  }
  if (const auto* x = as<Unary>(e)) return unary(x->op, expression(x->a), x->dtype);
  if (const auto* x = as<Cast>(e)) return cast(expression(x->value), x->value->dtype, x->to);
  if (const auto* x = as<Select>(e)) {
    auto* cond = expression(x->cond);
    auto* a = expression(x->a);
    return builder_.CreateSelect(cond, a, expression(x->b));
  }
  if (const auto* x = as<Load>(e)) return load(*x);
  if (const auto* x = as<Broadcast>(e)) return splat(expression(x->value), static_cast<int>(x->lanes));
  if (const auto* x = as<Shuffle>(e)) return shuffle(*x);
  if (const auto* x = as<Ramp>(e)) {
    std::vector<llvm::Constant*> steps;
    auto* scalar = value_type(x->base->dtype);
    for (int64_t i = 0; i < x->lanes; ++i) steps.push_back(llvm::ConstantInt::get(scalar, static_cast<uint64_t>(i)));
    auto* scaled = builder_.CreateMul(llvm::ConstantVector::get(steps), splat(expression(x->stride), static_cast<int>(x->lanes)));
    return builder_.CreateAdd(splat(expression(x->base), static_cast<int>(x->lanes)), scaled);
  }
  if (const auto* x = as<Call>(e)) {
    std::vector<llvm::Value*> args;
    for (const auto& a : x->args) args.push_back(expression(a));
    return intrinsic(x->intrinsic.str(), args, x->args.empty() ? x->dtype : x->args[0]->dtype);
  }
  throw internal_error("a {} reached code generation", kind_name(e.node()));
}

} // namespace tw::codegen
