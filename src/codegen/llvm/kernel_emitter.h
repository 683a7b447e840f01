// SPDX-License-Identifier: Apache-2.0
// A kernel of stage `flat` to one LLVM function:
//
//   void NAME(ptr buffer…, i64 dim…, i32 thread, i32 threads, ptr scratch, ptr run)
//
// Loops, vectors and stores are translated one to one; nothing is scheduled here. The outermost parallel loop takes its share by thread.
// Register tiles have a file of their own (register_tile_emitter.cpp).
#pragma once

#include "arith/analyzer.h"
#include "ir/derived.h"
#include "target/target.h"

#include <llvm/IR/IRBuilder.h>

#include <unordered_map>

namespace tw::codegen {

// Where kernels find the services of a run: byte offsets into the structs of tensorwright/artifact.h.
llvm::FunctionType* kernel_type(llvm::LLVMContext& context, const Kernel& kernel);

class KernelEmitter {
public:
  KernelEmitter(llvm::Module& module, const Target& target);
  llvm::Function* emit(const Kernel& kernel, const std::string& symbol);
  // Begins a function of another shape (the entry): expressions can be emitted once their variables are bound.
  void enter(llvm::Function* function);

  // ---- used by the parts of the emitter
  llvm::IRBuilder<>& builder() { return builder_; }
  const Target& target() const { return target_; }
  arith::Analyzer& analyzer() { return *analyzer_; }
  void bind(const Node* variable, llvm::Value* value) {
    variables_[variable] = value;
    alive_.emplace_back(variable, 0);
    memo_.clear(); // what was computed from its former value
  }
  llvm::Value* pointer_of(const Buffer& buffer);

  llvm::Value* expression(const Ref<Expr>& e);
  void statement(const Ref<Stmt>& s);
  // Operations on values already emitted; both sides have the type `type` (lanes included).
  llvm::Value* binary(BinaryOp op, llvm::Value* a, llvm::Value* b, DType type);
  llvm::Value* unary(UnaryOp op, llvm::Value* a, DType type);
  llvm::Value* cast(llvm::Value* value, DType from, DType to);
  llvm::Value* saturated(llvm::Value* value, DType to); // a float as an integer; NaN as 0
  llvm::Value* select(llvm::Value* cond, llvm::Value* a, llvm::Value* b);
  llvm::Value* intrinsic(const std::string& name, const std::vector<llvm::Value*>& args, DType type);
  llvm::Value* splat(llvm::Value* scalar, int lanes);
  // A load or store of `lanes` neighbours at the address.
  llvm::Value* load_at(llvm::Value* address, DType type);
  // A hint: the line at the address is to come into the second-level cache.
  void ask_for(llvm::Value* address);
  llvm::Value* masked_load_at(llvm::Value* address, DType type, llvm::Value* mask);
  // The first `count` lanes are elements `stride` apart; what the others hold says nothing.
  llvm::Value* strided_load_at(llvm::Value* address, DType type, int64_t stride, int64_t count);
  llvm::Value* literal(double value, DType type);

  llvm::Type* value_type(DType type);   // in registers: bool is i1, f16 and bf16 are float
  llvm::Type* storage_type(DType type); // in memory: bool is i8, f16 and bf16 are i16
  llvm::Value* from_storage(llvm::Value* stored, DType type);
  llvm::Value* to_storage(llvm::Value* value, DType type);
  // A loop of `count` iterations (i64); body gets the counter. Loop-carried values: initial ones in, final ones out.
  std::vector<llvm::Value*> loop(llvm::Value* count, std::vector<llvm::Value*> carried, const char* name,
                                 const std::function<std::vector<llvm::Value*>(llvm::Value*, const std::vector<llvm::Value*>&)>& body);

private:
  friend class RegisterTileEmitter;
  llvm::Value* compute(const Ref<Expr>& e);
  llvm::Value* load(const Load& e);
  llvm::Value* shuffle(const Shuffle& e);
  void store(const Store& s);
  void find_streamed(const Kernel& kernel);
  void streamed_store(llvm::Value* value, llvm::Value* address, llvm::Align align, llvm::Value* aligned);
  void order_streamed_stores();
  void for_loop(const For& s);
  void allocate(const Allocate& s);
  void assertion(const Assert& s);
  llvm::Value* integer_division(llvm::Value* a, llvm::Value* b, DType type, bool remainder, bool non_negative);
  llvm::Value* minimum_maximum(llvm::Value* a, llvm::Value* b, DType type, bool maximum);
  llvm::Value* addresses(llvm::Value* pointer, llvm::Value* index, DType type);
  llvm::Value* round_to(llvm::Value* value, DType type);
  llvm::Value* service(size_t offset);

  llvm::Module& module_;
  const Target& target_;
  llvm::IRBuilder<> builder_;
  llvm::Function* function_ = nullptr;
  std::unordered_map<const Node*, llvm::Value*> variables_, buffers_;
  std::unordered_map<const Node*, llvm::Value*> streamed_; // buffers whose lines go past the caches: do they begin at one?
  std::vector<Opt<Node>> alive_;                           // nodes that are keys of the maps: an address must not come back as another node
  std::unordered_map<const Node*, llvm::Value*> memo_;     // of the statement at hand: between two statements memory may change
  std::unique_ptr<arith::Analyzer> analyzer_;
  llvm::Value *thread_ = nullptr, *threads_ = nullptr, *scratch_ = nullptr, *run_ = nullptr;
  llvm::Value* scratch_used_ = nullptr;
  std::unordered_map<const Node*, int64_t> ahead_; // bytes, by buffer (ir/ahead.h)
  bool inside_parallel_ = false;
};

// What the kernel's buffers of scope `scratch` need for one thread, in bytes; throws if that is no constant.
int64_t scratch_bytes(const Kernel& kernel);

} // namespace tw::codegen
