// SPDX-License-Identifier: Apache-2.0
// Statements, and the frame of a kernel's function. Expressions are in expression_emitter.cpp.
#include "codegen/llvm/kernel_emitter.h"

#include "codegen/llvm/register_tile_emitter.h"
#include "ir/ahead.h"
#include "ir/build.h"
#include "ir/overwrites.h"
#include "ir/streamed.h"
#include "ir/visit.h"
#include "tensorwright/artifact.h"

#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

namespace tw::codegen {

namespace {
constexpr int64_t scratch_alignment = 64;

Ref<Expr> bytes_of(const Buffer& buffer) {
  Ref<Expr> bytes = element_count(buffer.shape) * buffer.element.bytes();
  return floordiv(bytes + (scratch_alignment - 1), scratch_alignment) * scratch_alignment;
}

int64_t scratch_below(const Node* n) {
  int64_t deepest = 0;
  for_children(n, [&](const Node* c) {
    if (as<Stmt>(c)) deepest = std::max(deepest, scratch_below(c));
  });
  const auto* a = as<Allocate>(n);
  if (!a || a->buffer->scope != "scratch") return deepest;
  auto bytes = as_int(arith::simplify(bytes_of(*a->buffer)));
  if (!bytes) throw internal_error("scratch buffer '{}' has no constant size", a->buffer->id.str());
  return deepest + *bytes;
}
} // namespace

int64_t scratch_bytes(const Kernel& kernel) { return scratch_below(kernel.body.node()); }

llvm::FunctionType* kernel_type(llvm::LLVMContext& context, const Kernel& kernel) {
  std::vector<llvm::Type*> types(kernel.params.size(), llvm::PointerType::get(context, 0));
  types.insert(types.end(), kernel.dims.size(), llvm::Type::getInt64Ty(context));
  types.insert(types.end(), 2, llvm::Type::getInt32Ty(context));
  types.insert(types.end(), 2, llvm::PointerType::get(context, 0));
  return llvm::FunctionType::get(llvm::Type::getVoidTy(context), types, false);
}

KernelEmitter::KernelEmitter(llvm::Module& module, const Target& target)
    : module_(module), target_(target), builder_(module.getContext()) {}

llvm::Function* KernelEmitter::emit(const Kernel& kernel, const std::string& symbol) {
  auto* function = llvm::Function::Create(kernel_type(module_.getContext(), kernel), llvm::GlobalValue::ExternalLinkage, symbol, module_);
  function->setVisibility(llvm::GlobalValue::HiddenVisibility);
  enter(function);
  unsigned i = 0;
  const bool results_overlap = overwrites_any(kernel);
  for (const auto& p : kernel.params) {
    function->getArg(i)->setName(p->buffer->id.str());
    if (p->access == Access::in ? !overwrites(kernel, *p->buffer) : !results_overlap) function->addParamAttr(i, llvm::Attribute::NoAlias);
    if (p->access == Access::in) function->addParamAttr(i, llvm::Attribute::ReadOnly);
    if (int64_t elements = elements_ahead(kernel, i)) ahead_[p->buffer.node()] = elements * p->buffer->element.bytes();
    buffers_[p->buffer.node()] = function->getArg(i++);
  }
  for (const auto& d : kernel.dims) {
    function->getArg(i)->setName(d->id.str());
    variables_[d.node()] = function->getArg(i++);
  }
  thread_ = builder_.CreateSExt(function->getArg(i++), builder_.getInt64Ty(), "thread");
  threads_ = builder_.CreateSExt(function->getArg(i++), builder_.getInt64Ty(), "threads");
  scratch_ = function->getArg(i++);
  run_ = function->getArg(i++);
  scratch_used_ = builder_.getInt64(0);
  inside_parallel_ = false;
  find_streamed(kernel);
  statement(kernel.body);
  order_streamed_stores();
  builder_.CreateRetVoid();
  return function;
}

void KernelEmitter::enter(llvm::Function* function) {
  function->setDoesNotThrow();
  function_ = function;
  variables_.clear();
  buffers_.clear();
  memo_.clear();
  alive_.clear();
  ahead_.clear();
  analyzer_ = std::make_unique<arith::Analyzer>();
  builder_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function));
}

llvm::Value* KernelEmitter::pointer_of(const Buffer& buffer) {
  auto found = buffers_.find(&buffer);
  if (found == buffers_.end()) throw internal_error("buffer '{}' is used outside its allocation", buffer.id.str());
  return found->second;
}

std::vector<llvm::Value*>
KernelEmitter::loop(llvm::Value* count, std::vector<llvm::Value*> carried, const char* name,
                    const std::function<std::vector<llvm::Value*>(llvm::Value*, const std::vector<llvm::Value*>&)>& body) {
  auto& context = module_.getContext();
  if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(count)) {
    if (constant->getSExtValue() <= 0) return carried;
    if (constant->getSExtValue() == 1) return body(builder_.getInt64(0), carried);
  }
  auto* before = builder_.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(context, name, function_);
  auto* after = llvm::BasicBlock::Create(context, std::string(name) + "_end", function_);
  bool surely_entered = llvm::isa<llvm::ConstantInt>(count);
  if (surely_entered) builder_.CreateBr(head);
  else builder_.CreateCondBr(builder_.CreateICmpSGT(count, builder_.getInt64(0)), head, after);
  builder_.SetInsertPoint(head);
  auto* counter = builder_.CreatePHI(builder_.getInt64Ty(), 2, name);
  counter->addIncoming(builder_.getInt64(0), before);
  std::vector<llvm::PHINode*> phis;
  std::vector<llvm::Value*> inside;
  for (auto* value : carried) {
    auto* phi = builder_.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    phis.push_back(phi);
    inside.push_back(phi);
  }
  memo_.clear();
  std::vector<llvm::Value*> next = body(counter, inside);
  memo_.clear();
  auto* step = builder_.CreateAdd(counter, builder_.getInt64(1), "", true, true);
  auto* latch = builder_.GetInsertBlock();
  counter->addIncoming(step, latch);
  for (size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(next[i], latch);
  builder_.CreateCondBr(builder_.CreateICmpSLT(step, count), head, after);
  builder_.SetInsertPoint(after);
  std::vector<llvm::Value*> out;
  for (size_t i = 0; i < phis.size(); ++i) {
    auto* phi = builder_.CreatePHI(carried[i]->getType(), 2);
    phi->addIncoming(next[i], latch);
    if (!surely_entered) phi->addIncoming(carried[i], before);
    out.push_back(phi);
  }
  return out;
}

void KernelEmitter::for_loop(const For& s) {
  if (s.how == ForKind::vectorised) throw internal_error("a vectorised loop over '{}' reached code generation", s.var->id.str());
  llvm::Value *begin = expression(s.begin), *extent = expression(s.extent);
  bool shared = s.how == ForKind::parallel && !inside_parallel_;
  if (shared && is_int(s.extent, 1)) { // for the first thread: of what cannot be divided evenly, later ones have more
    extent = builder_.CreateZExt(builder_.CreateICmpEQ(thread_, builder_.getInt64(0)), builder_.getInt64Ty());
  } else if (shared) { // this thread's part: extent * thread / threads up to extent * (thread + 1) / threads
    auto* first = builder_.CreateSDiv(builder_.CreateMul(extent, thread_), threads_);
    auto* last = builder_.CreateSDiv(builder_.CreateMul(extent, builder_.CreateAdd(thread_, builder_.getInt64(1))), threads_);
    begin = builder_.CreateAdd(begin, first);
    extent = builder_.CreateSub(last, first);
  }
  bool saved = inside_parallel_;
  inside_parallel_ = inside_parallel_ || shared;
  analyzer_->bind(s.var, s.begin, s.extent);
  loop(extent, {}, s.var->id.c_str(), [&](llvm::Value* counter, const std::vector<llvm::Value*>&) -> std::vector<llvm::Value*> {
    variables_[s.var.node()] = builder_.CreateAdd(begin, counter, s.var->id.str(), true, true);
    statement(s.body);
    return {};
  });
  inside_parallel_ = saved;
}

void KernelEmitter::allocate(const Allocate& s) {
  const Buffer& buffer = *s.buffer;
  Ref<Expr> count = arith::simplify(element_count(buffer.shape));
  if (buffer.scope == "local") {
    auto size = as_int(count);
    if (!size) throw internal_error("local buffer '{}' has no constant size", buffer.id.str());
    llvm::IRBuilder<> at_entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
    auto* memory =
        at_entry.CreateAlloca(llvm::ArrayType::get(storage_type(buffer.element), static_cast<uint64_t>(*size)), nullptr, buffer.id.str());
    memory->setAlignment(llvm::Align(64));
    buffers_[s.buffer.node()] = memory;
    statement(s.body);
    return;
  }
  if (buffer.scope != "scratch") throw internal_error("a kernel allocates '{}' in scope '{}'", buffer.id.str(), buffer.scope.str());
  auto* saved = scratch_used_;
  buffers_[s.buffer.node()] = builder_.CreateGEP(builder_.getInt8Ty(), scratch_, scratch_used_, buffer.id.str());
  scratch_used_ = builder_.CreateAdd(scratch_used_, expression(bytes_of(buffer)));
  statement(s.body);
  scratch_used_ = saved;
}

llvm::Value* KernelEmitter::service(size_t offset) {
  auto* pointer = builder_.getPtrTy();
  auto* services = builder_.CreateLoad(pointer, builder_.CreateConstGEP1_64(builder_.getInt8Ty(), run_, offsetof(tw_run, services)));
  return builder_.CreateLoad(pointer, builder_.CreateConstGEP1_64(builder_.getInt8Ty(), services, offset));
}

void KernelEmitter::assertion(const Assert& s) {
  auto& context = module_.getContext();
  auto* failed = llvm::BasicBlock::Create(context, "failed", function_);
  auto* fine = llvm::BasicBlock::Create(context, "fine", function_);
  builder_.CreateCondBr(expression(s.cond), fine, failed);
  builder_.SetInsertPoint(failed);
  auto* type = llvm::FunctionType::get(builder_.getVoidTy(), {builder_.getPtrTy(), builder_.getInt32Ty(), builder_.getPtrTy()}, false);
  auto* message = builder_.CreateGlobalString(s.message.str());
  builder_.CreateCall(type, service(offsetof(tw_services, fail)), {run_, builder_.getInt32(s.fault == Fault::user ? 1 : 3), message});
  builder_.CreateRetVoid();
  builder_.SetInsertPoint(fine);
}

void KernelEmitter::statement(const Ref<Stmt>& s) {
  memo_.clear();
  auto& context = module_.getContext();
  if (const auto* x = as<Seq>(s)) {
    for (const auto& part : x->body) statement(part);
  } else if (const auto* x = as<For>(s)) {
    for_loop(*x);
  } else if (const auto* x = as<Store>(s)) {
    store(*x);
  } else if (const auto* x = as<Let>(s)) {
    variables_[x->var.node()] = expression(x->value);
    if (x->value->dtype.lanes == 1 && x->value->dtype.is_int()) analyzer_->bind_value(x->var, x->value);
    statement(x->body);
  } else if (const auto* x = as<RegisterTile>(s)) {
    emit_register_tile(*this, *x);
  } else if (const auto* x = as<Allocate>(s)) {
    allocate(*x);
  } else if (const auto* x = as<Assert>(s)) {
    assertion(*x);
  } else if (const auto* x = as<If>(s)) {
    auto* then = llvm::BasicBlock::Create(context, "then", function_);
    auto* otherwise = x->otherwise ? llvm::BasicBlock::Create(context, "else", function_) : nullptr;
    auto* after = llvm::BasicBlock::Create(context, "endif", function_);
    builder_.CreateCondBr(expression(x->cond), then, otherwise ? otherwise : after);
    auto branch = [&](llvm::BasicBlock* block, const Ref<Stmt>& body) {
      builder_.SetInsertPoint(block);
      statement(body);
      memo_.clear();
      builder_.CreateBr(after);
    };
    branch(then, x->then);
    if (otherwise) branch(otherwise, as_ref<Stmt>(x->otherwise));
    builder_.SetInsertPoint(after);
  } else if (const auto* x = as<While>(s)) {
    auto* head = llvm::BasicBlock::Create(context, "while", function_);
    auto* body = llvm::BasicBlock::Create(context, "do", function_);
    auto* after = llvm::BasicBlock::Create(context, "done", function_);
    builder_.CreateBr(head);
    builder_.SetInsertPoint(head);
    builder_.CreateCondBr(expression(x->cond), body, after);
    builder_.SetInsertPoint(body);
    statement(x->body);
    builder_.CreateBr(head);
    builder_.SetInsertPoint(after);
  } else if (const auto* x = as<Evaluate>(s)) {
    const auto* c = as<Call>(x->value);
    if (!c || c->intrinsic != "barrier") {
      expression(x->value);
      return;
    }
    order_streamed_stores();
    auto* type = llvm::FunctionType::get(builder_.getInt32Ty(), {builder_.getPtrTy(), builder_.getInt32Ty()}, false);
    auto* failed =
        builder_.CreateCall(type, service(offsetof(tw_services, barrier)), {run_, builder_.CreateTrunc(thread_, builder_.getInt32Ty())});
    auto* stop = llvm::BasicBlock::Create(context, "stop", function_);
    auto* go_on = llvm::BasicBlock::Create(context, "go_on", function_);
    builder_.CreateCondBr(builder_.CreateICmpEQ(failed, builder_.getInt32(0)), go_on, stop);
    builder_.SetInsertPoint(stop);
    builder_.CreateRetVoid();
    builder_.SetInsertPoint(go_on);
  } else {
    throw internal_error("a {} reached code generation", kind_name(s.node()));
  }
}

void KernelEmitter::find_streamed(const Kernel& kernel) {
  streamed_.clear();
  for (const auto& p : kernel.params) {
    if (!is_streamed(kernel, *p->buffer)) continue;
    auto* address = builder_.CreatePtrToInt(pointer_of(*p->buffer), builder_.getInt64Ty());
    auto* offset = builder_.CreateAnd(address, builder_.getInt64(cache_line - 1));
    streamed_[p->buffer.node()] = builder_.CreateICmpEQ(offset, builder_.getInt64(0), p->buffer->id.str() + "_aligned");
  }
}

// Such stores must be aligned, and where the caller put a result is not known before the run.
void KernelEmitter::streamed_store(llvm::Value* value, llvm::Value* address, llvm::Align align, llvm::Value* aligned) {
  auto& context = module_.getContext();
  auto* past = llvm::BasicBlock::Create(context, "past_caches", function_);
  auto* plain = llvm::BasicBlock::Create(context, "plain", function_);
  auto* after = llvm::BasicBlock::Create(context, "stored", function_);
  builder_.CreateCondBr(aligned, past, plain);
  builder_.SetInsertPoint(past);
  auto* store = builder_.CreateAlignedStore(value, address, llvm::Align(cache_line));
  store->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(context, llvm::ConstantAsMetadata::get(builder_.getInt32(1))));
  builder_.CreateBr(after);
  builder_.SetInsertPoint(plain);
  builder_.CreateAlignedStore(value, address, align);
  builder_.CreateBr(after);
  builder_.SetInsertPoint(after);
}

// Stores past the caches are not ordered with others: before anybody is told that they are done, they must be.
void KernelEmitter::order_streamed_stores() {
  if (streamed_.empty()) return;
  if (target_.machine == "x86_64") builder_.CreateIntrinsic(llvm::Intrinsic::x86_sse_sfence, {}, {});
  else builder_.CreateFence(llvm::AtomicOrdering::SequentiallyConsistent);
}

void KernelEmitter::store(const Store& s) {
  auto* value = expression(s.value);
  auto* index = expression(s.index[0]);
  DType type = s.value->dtype;
  auto* stored = to_storage(value, type);
  llvm::Align align(static_cast<uint64_t>(type.bytes()));
  const auto* ramp = as<Ramp>(s.index[0]);
  if (type.lanes == 1) {
    auto* address = builder_.CreateGEP(storage_type(type), pointer_of(*s.buffer), index);
    if (!s.mask) {
      builder_.CreateAlignedStore(stored, address, align);
      return;
    }
    auto* then = llvm::BasicBlock::Create(module_.getContext(), "masked", function_);
    auto* after = llvm::BasicBlock::Create(module_.getContext(), "unmasked", function_);
    builder_.CreateCondBr(expression(as_ref<Expr>(s.mask)), then, after);
    builder_.SetInsertPoint(then);
    builder_.CreateAlignedStore(stored, address, align);
    builder_.CreateBr(after);
    builder_.SetInsertPoint(after);
    return;
  }
  if (ramp && is_int(ramp->stride, 1)) {
    auto* address = builder_.CreateGEP(storage_type(type.element()), pointer_of(*s.buffer), expression(ramp->base));
    auto streamed = streamed_.find(s.buffer.node());
    bool lines = streamed != streamed_.end() && type.lanes * type.element().bytes() % cache_line == 0 &&
                 analyzer_->prove_multiple(ramp->base, cache_line / type.element().bytes());
    if (s.mask) builder_.CreateMaskedStore(stored, address, align, expression(as_ref<Expr>(s.mask)));
    else if (lines) streamed_store(stored, address, align, streamed->second);
    else builder_.CreateAlignedStore(stored, address, align);
    return;
  }
  // Lanes go to places of their own, in order: a later lane wins.
  auto* mask = s.mask ? expression(as_ref<Expr>(s.mask)) : splat(builder_.getTrue(), type.lanes);
  builder_.CreateMaskedScatter(stored, addresses(pointer_of(*s.buffer), index, type), align, mask);
}

} // namespace tw::codegen
