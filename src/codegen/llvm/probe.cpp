// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/probe.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

#include <array>

namespace tw::codegen {
namespace {

using llvm::Value;

constexpr int accumulators = 12, multiply_add_steps = 4096, chain_steps = 16384, ahead_bytes = 4096, line_bytes = 64, streams = 4;

// One function of one loop: `step` gets the counter and the values carried, and gives their next values.
class Loop {
public:
  Loop(llvm::Module& module, const char* name, int parameters)
      : b_(module.getContext()), function_(make(module, name, parameters)),
        entry_(llvm::BasicBlock::Create(module.getContext(), "entry", function_)),
        body_(llvm::BasicBlock::Create(module.getContext(), "loop", function_)),
        done_(llvm::BasicBlock::Create(module.getContext(), "done", function_)) {
    b_.SetInsertPoint(entry_);
  }

  llvm::IRBuilder<>& builder() { return b_; }
  Value* argument(unsigned i) { return function_->getArg(i); }

  template <class Step> std::vector<Value*> run(std::vector<Value*> carried, Value* count, int64_t stride, Step&& step) {
    b_.CreateBr(body_);
    b_.SetInsertPoint(body_);
    auto* counter = b_.CreatePHI(b_.getInt64Ty(), 2);
    counter->addIncoming(b_.getInt64(0), entry_);
    std::vector<llvm::PHINode*> phis;
    for (Value*& value : carried) {
      phis.push_back(b_.CreatePHI(value->getType(), 2));
      phis.back()->addIncoming(value, entry_);
      value = phis.back();
    }
    step(counter, carried);
    Value* next = b_.CreateAdd(counter, b_.getInt64(static_cast<uint64_t>(stride)));
    counter->addIncoming(next, body_);
    for (size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(carried[i], body_);
    b_.CreateCondBr(b_.CreateICmpULT(next, count), body_, done_);
    b_.SetInsertPoint(done_);
    return carried;
  }

private:
  static llvm::Function* make(llvm::Module& module, const char* name, int parameters) {
    auto& context = module.getContext();
    std::vector<llvm::Type*> types(static_cast<size_t>(parameters), llvm::PointerType::getUnqual(context));
    if (parameters > 1) types.back() = llvm::Type::getInt64Ty(context); // how many bytes
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), types, false);
    return llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  }

  llvm::IRBuilder<> b_;
  llvm::Function* function_;
  llvm::BasicBlock *entry_, *body_, *done_;
};

// void multiply_add(float* out)
void build_multiply_add(llvm::Module& module, int lanes, bool fused) {
  Loop loop(module, "multiply_add", 1);
  auto& b = loop.builder();
  auto* vector = llvm::FixedVectorType::get(b.getFloatTy(), static_cast<unsigned>(lanes));
  Value* factor = b.CreateAlignedLoad(vector, loop.argument(0), llvm::Align(4));
  std::vector<Value*> sums;
  for (int i = 0; i < accumulators; ++i) sums.push_back(llvm::ConstantFP::get(vector, static_cast<double>(i)));
  sums = loop.run(sums, b.getInt64(multiply_add_steps), 4, [&](Value*, std::vector<Value*>& values) {
    for (int step = 0; step < 4; ++step)
      for (Value*& value : values)
        value = fused ? b.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {factor, factor, value})
                      : b.CreateFAdd(b.CreateFMul(factor, value), factor);
  });
  for (size_t i = 1; i < sums.size(); ++i) sums[0] = b.CreateFAdd(sums[0], sums[i]);
  b.CreateAlignedStore(sums[0], loop.argument(0), llvm::Align(4));
  b.CreateRetVoid();
}

// void chain(int64_t* out)
void build_chain(llvm::Module& module) {
  Loop loop(module, "chain", 1);
  auto& b = loop.builder();
  Value* start = b.CreateLoad(b.getInt64Ty(), loop.argument(0));
  auto last = loop.run({start}, b.getInt64(chain_steps), 8, [&](Value*, std::vector<Value*>& values) {
    for (int step = 0; step < 8; ++step) values[0] = b.CreateMul(values[0], values[0]);
  });
  b.CreateStore(last[0], loop.argument(0));
  b.CreateRetVoid();
}

// void read(const float* data, float* out, int64_t bytes): a quarter each in four streams, two cache lines of each a step, added as a tree
// so that no sum waits for the one before.
void build_read(llvm::Module& module, int lanes, bool ahead) {
  Loop loop(module, ahead ? "read_ahead" : "read", 3);
  auto& b = loop.builder();
  auto* vector = llvm::FixedVectorType::get(b.getFloatTy(), static_cast<unsigned>(lanes));
  Value* part = b.CreateUDiv(loop.argument(2), b.getInt64(streams));
  std::vector<Value*> bases, sums(streams, llvm::Constant::getNullValue(vector));
  for (int s = 0; s < streams; ++s)
    bases.push_back(b.CreatePtrAdd(loop.argument(0), b.CreateMul(part, b.getInt64(static_cast<uint64_t>(s)))));
  auto tree = [&](std::vector<Value*> values) {
    for (size_t step = 1; step < values.size(); step *= 2)
      for (size_t i = 0; i + step < values.size(); i += 2 * step) values[i] = b.CreateFAdd(values[i], values[i + step]);
    return values[0];
  };
  sums = loop.run(sums, part, 2 * line_bytes, [&](Value* offset, std::vector<Value*>& values) {
    for (int s = 0; s < streams; ++s) {
      Value* lines = b.CreatePtrAdd(bases[static_cast<size_t>(s)], offset);
      std::vector<Value*> loaded;
      for (int byte = 0; byte < 2 * line_bytes; byte += 4 * lanes) {
        Value* place = b.CreatePtrAdd(lines, b.getInt64(static_cast<uint64_t>(byte)));
        if (ahead && byte % line_bytes == 0)
          b.CreateIntrinsic(llvm::Intrinsic::prefetch, {b.getPtrTy()},
                            {b.CreatePtrAdd(place, b.getInt64(ahead_bytes)), b.getInt32(0), b.getInt32(3), b.getInt32(1)});
        loaded.push_back(b.CreateAlignedLoad(vector, place, llvm::Align(16)));
      }
      values[static_cast<size_t>(s)] = b.CreateFAdd(values[static_cast<size_t>(s)], tree(loaded));
    }
  });
  b.CreateAlignedStore(tree(sums), loop.argument(1), llvm::Align(4));
  b.CreateRetVoid();
}

// void copy(const float* from, float* to, int64_t bytes)
void build_copy(llvm::Module& module, int lanes, bool past_caches) {
  Loop loop(module, past_caches ? "copy_past_caches" : "copy", 3);
  auto& b = loop.builder();
  auto* vector = llvm::FixedVectorType::get(b.getFloatTy(), static_cast<unsigned>(lanes));
  loop.run({}, loop.argument(2), 4 * line_bytes, [&](Value* offset, std::vector<Value*>&) {
    for (int byte = 0; byte < 4 * line_bytes; byte += 4 * lanes) {
      Value* place = b.CreateAdd(offset, b.getInt64(static_cast<uint64_t>(byte)));
      Value* value = b.CreateAlignedLoad(vector, b.CreatePtrAdd(loop.argument(0), place), llvm::Align(16));
      auto* store = b.CreateAlignedStore(value, b.CreatePtrAdd(loop.argument(1), place), llvm::Align(static_cast<uint64_t>(4 * lanes)));
      if (past_caches)
        store->setMetadata(llvm::LLVMContext::MD_nontemporal,
                           llvm::MDNode::get(b.getContext(), llvm::ConstantAsMetadata::get(b.getInt32(1))));
    }
  });
  b.CreateRetVoid();
}

std::vector<ObjectBytes> objects_for(const Target& target) {
  llvm::LLVMContext context;
  llvm::Module module("probe", context);
  int lanes = target.lanes(4);
  build_multiply_add(module, lanes, target.has_fma());
  build_chain(module);
  for (bool flag : {false, true}) {
    build_read(module, lanes, flag);
    build_copy(module, lanes, flag);
  }
  std::vector<ObjectBytes> objects;
  objects.push_back(ModuleCompiler(target, {.level = 2, .middle_end = false}).object(module));
  return objects;
}

} // namespace

Probe::Probe(const Target& target) : lanes_(target.lanes(4)), code_(objects_for(target)) {}

void Probe::multiply_add() const {
  std::array<float, 16> out{};
  code_.function<void(float*)>("multiply_add")(out.data());
}

double Probe::multiply_add_flops() const { return 2.0 * multiply_add_steps * accumulators * lanes_; }

void Probe::chain() const {
  int64_t value = 3;
  code_.function<void(int64_t*)>("chain")(&value);
}

void Probe::read(const std::byte* data, int64_t bytes, bool ahead) const {
  std::array<float, 16> out{};
  code_.function<void(const std::byte*, float*, int64_t)>(ahead ? "read_ahead" : "read")(data, out.data(), bytes);
}

void Probe::copy(const std::byte* from, std::byte* to, int64_t bytes, bool past_caches) const {
  code_.function<void(const std::byte*, std::byte*, int64_t)>(past_caches ? "copy_past_caches" : "copy")(from, to, bytes);
}

} // namespace tw::codegen
