// SPDX-License-Identifier: Apache-2.0
#include "register_tile.h"

#include <fmt/format.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

#include <vector>

namespace tw::bench {
namespace {

using llvm::Value;

llvm::Function* make_function(llvm::Module& module, const std::string& name, int pointers) {
  auto& context = module.getContext();
  std::vector<llvm::Type*> types(pointers, llvm::PointerType::getUnqual(context));
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), types, false);
  auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  for (int i = 0; i < pointers; ++i) function->addParamAttr(i, llvm::Attribute::NoAlias);
  return function;
}

struct Emitter {
  Emitter(llvm::Function* function, const TileShape& shape)
      : shape(shape), function(function), b(llvm::BasicBlock::Create(function->getContext(), "entry", function)) {
    f32 = b.getFloatTy();
    vector = llvm::FixedVectorType::get(f32, shape.lanes);
  }

  Value* bytes_at(Value* pointer, Value* bytes) { return b.CreatePtrAdd(pointer, bytes); }
  Value* bytes_at(Value* pointer, int64_t bytes) { return bytes ? b.CreatePtrAdd(pointer, b.getInt64(bytes)) : pointer; }

  // Pointers that move with k, set up before the loop.
  std::vector<Value*> row_bases() {
    Value* a = function->getArg(0);
    Value* rows = function->getArg(3);
    if (shape.rows == Rows::constant) return {a};
    std::vector<Value*> bases;
    if (shape.rows == Rows::strided) {
      stride = b.CreateAlignedLoad(b.getInt64Ty(), rows, llvm::Align(8));
      twice = b.CreateShl(stride, 1);
      Value* thrice = b.CreateAdd(stride, twice);
      for (int row = 0; row < shape.mr; row += 3) bases.push_back(row ? bytes_at(bases.back(), thrice) : a);
      return bases;
    }
    for (int row = 0; row < shape.mr; ++row)
      bases.push_back(bytes_at(a, b.CreateAlignedLoad(b.getInt64Ty(), bytes_at(rows, row * 8), llvm::Align(8))));
    return bases;
  }

  Value* element_of_a(const std::vector<Value*>& bases, Value* index, int row, int step) {
    Value* pointer = nullptr;
    if (shape.rows == Rows::constant) pointer = bytes_at(bases[0], row * shape.lda * 4 + step * 4);
    if (shape.rows == Rows::table) pointer = bytes_at(bytes_at(bases[row], index), step * 4);
    if (shape.rows == Rows::strided) {
      pointer = bases[row / 3];
      if (row % 3) pointer = bytes_at(pointer, row % 3 == 1 ? stride : twice);
      pointer = bytes_at(pointer, step * 4);
    }
    return b.CreateVectorSplat(shape.lanes, b.CreateAlignedLoad(f32, pointer, llvm::Align(4)));
  }

  void emit() {
    std::vector<Value*> starts = row_bases();
    auto* entry = b.GetInsertBlock();
    auto* loop = llvm::BasicBlock::Create(b.getContext(), "loop", function);
    auto* done = llvm::BasicBlock::Create(b.getContext(), "done", function);
    b.CreateBr(loop);
    b.SetInsertPoint(loop);
    auto phi = [&](llvm::Type* type, Value* start) {
      auto* node = b.CreatePHI(type, 2);
      node->addIncoming(start, entry);
      return node;
    };
    auto* index = phi(b.getInt64Ty(), b.getInt64(0)); // bytes along k
    auto* panel = phi(b.getPtrTy(), function->getArg(1));
    std::vector<llvm::PHINode*> moving, sums;
    std::vector<Value*> bases = starts;
    if (shape.rows != Rows::table)
      for (Value*& base : bases) base = moving.emplace_back(phi(b.getPtrTy(), base));
    for (int i = 0; i < shape.mr * shape.nv; ++i) sums.push_back(phi(vector, llvm::Constant::getNullValue(vector)));
    std::vector<Value*> values(sums.begin(), sums.end());
    for (int step = 0; step < shape.unroll; ++step) emit_step(step, index, panel, bases, values);
    Value* next_index = b.CreateAdd(index, b.getInt64(shape.unroll * 4));
    index->addIncoming(next_index, loop);
    panel->addIncoming(bytes_at(panel, int64_t{4} * shape.unroll * shape.nv * shape.lanes), loop);
    for (auto* pointer : moving) pointer->addIncoming(bytes_at(pointer, shape.unroll * 4), loop);
    for (size_t i = 0; i < sums.size(); ++i) sums[i]->addIncoming(values[i], loop);
    b.CreateCondBr(b.CreateICmpULT(next_index, b.getInt64(shape.k * 4)), loop, done);
    b.SetInsertPoint(done);
    for (size_t i = 0; i < values.size(); ++i)
      b.CreateAlignedStore(values[i], bytes_at(function->getArg(2), int64_t(i) * shape.lanes * 4), llvm::Align(4));
    b.CreateRetVoid();
  }

  void emit_step(int step, Value* index, Value* panel, const std::vector<Value*>& bases, std::vector<Value*>& values) {
    std::vector<Value*> columns;
    for (int v = 0; v < shape.nv; ++v)
      columns.push_back(b.CreateAlignedLoad(vector, bytes_at(panel, int64_t{4} * (step * shape.nv + v) * shape.lanes), llvm::Align(4)));
    for (int row = 0; row < shape.mr; ++row) {
      Value* element = element_of_a(bases, index, row, step);
      for (int v = 0; v < shape.nv; ++v) {
        Value*& sum = values[row * shape.nv + v];
        sum = b.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {element, columns[v], sum});
      }
    }
  }

  TileShape shape;
  llvm::Function* function;
  llvm::IRBuilder<> b;
  llvm::Type* f32;
  llvm::FixedVectorType* vector;
  Value *stride = nullptr, *twice = nullptr;
};

} // namespace

std::string name_of(const TileShape& shape) {
  const char* rows = shape.rows == Rows::constant ? "constant" : shape.rows == Rows::strided ? "strided" : "table";
  return fmt::format("tile_{}x{}_u{}_k{}_lda{}_{}_l{}", shape.mr, shape.nv * shape.lanes, shape.unroll, shape.k, shape.lda, rows,
                     shape.lanes);
}

std::unique_ptr<llvm::Module> build_tile(llvm::LLVMContext& context, const TileShape& shape) {
  auto module = std::make_unique<llvm::Module>(name_of(shape), context);
  Emitter(make_function(*module, name_of(shape), 4), shape).emit();
  return module;
}

} // namespace tw::bench
