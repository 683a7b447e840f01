// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/entry_emitter.h"

#include "codegen/llvm/descriptor_emitter.h"
#include "ir/build.h"
#include "ir/visit.h"

#include <llvm/IR/Module.h>

namespace tw::codegen {

namespace {

class EntryEmitter {
public:
  EntryEmitter(llvm::Module& module, const Target& target, const EntryPlan& plan)
      : module_(module), plan_(plan), emitter_(module, target), b_(emitter_.builder()) {}

  llvm::Function* entry() {
    launch_begin_ = profiling_service("launch_begin", offsetof(tw_services, launch_begin));
    launch_end_ = profiling_service("launch_end", offsetof(tw_services, launch_end));
    wait_ = wait_function();
    auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {b_.getPtrTy(), b_.getInt32Ty()}, false);
    function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "entry", module_);
    emitter_.enter(function_);
    run_ = function_->getArg(0);
    thread_ = function_->getArg(1);
    threads_ = b_.CreateLoad(b_.getInt32Ty(), member(offsetof(tw_run, threads)));
    services_ = pointer_member(offsetof(tw_run, services));
    inputs_ = pointer_member(offsetof(tw_run, inputs));
    outputs_ = pointer_member(offsetof(tw_run, outputs));
    arena_ = pointer_member(offsetof(tw_run, arena));
    weights_ = pointer_member(offsetof(tw_run, weights));
    auto* scratch = pointer_member(offsetof(tw_run, scratch));
    auto* mine = b_.CreateMul(b_.CreateSExt(thread_, b_.getInt64Ty()), b_.getInt64(static_cast<uint64_t>(plan_.scratch_bytes)));
    scratch_ = b_.CreateGEP(b_.getInt8Ty(), scratch, mine);
    bind_dims(pointer_member(offsetof(tw_run, symbols)));
    region_offsets();
    const Body& body = *plan_.function->body;
    for (size_t i = 0; i < body.params.size(); ++i)
      pointers_[body.params[i].node()] = b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), inputs_, i));
    emit(body);
    b_.CreateRet(b_.getInt32(0));
    return function_;
  }

  // i64 plan(symbols, offsets): the arena's size.
  llvm::Function* plan() {
    auto* type = llvm::FunctionType::get(b_.getInt64Ty(), {b_.getPtrTy(), b_.getPtrTy()}, false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "plan", module_);
    emitter_.enter(function);
    bind_dims(function->getArg(0));
    region_offsets();
    b_.CreateRet(arena_size_);
    return function;
  }

  // double predict(symbols): nanoseconds of a run on one thread. After entry(), which lists the launches. A size that the run computes
  // counts as the cost model's typical one.
  llvm::Function* predict() {
    auto* type = llvm::FunctionType::get(b_.getDoubleTy(), {b_.getPtrTy()}, false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "predict", module_);
    emitter_.enter(function);
    bind_dims(function->getArg(0));
    double fixed = 0;
    llvm::Value* sum = nullptr;
    for (const Launch& l : launches_) {
      if (!l.predicted || !known_before_run(*l.predicted)) {
        fixed += l.predicted_ns;
        continue;
      }
      auto* part = emitter_.expression(as_ref<Expr>(l.predicted));
      sum = sum == nullptr ? part : b_.CreateFAdd(sum, part);
    }
    auto* rest = llvm::ConstantFP::get(b_.getDoubleTy(), fixed);
    b_.CreateRet(sum == nullptr ? rest : b_.CreateFAdd(sum, rest));
    return function;
  }

  const std::vector<Launch>& launches() const { return launches_; }

private:
  llvm::Value* member(size_t offset) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), run_, offset); }
  llvm::Value* pointer_member(size_t offset) { return b_.CreateLoad(b_.getPtrTy(), member(offset)); }
  llvm::BasicBlock* block(const char* name) { return llvm::BasicBlock::Create(module_.getContext(), name, function_); }

  // What stands around every launch is a function, so that the entry function grows little with each: it is compiled in every compilation,
  // while kernels that a model uses again, or that are on disk, are not.
  llvm::Function* helper(const char* name, llvm::Type* result, const std::vector<llvm::Type*>& parameters) {
    auto* type = llvm::FunctionType::get(result, parameters, false);
    function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
    emitter_.enter(function_);
    run_ = function_->getArg(0);
    thread_ = function_->getArg(1);
    services_ = pointer_member(offsetof(tw_run, services));
    return function_;
  }
  // void (run, thread, launch)
  llvm::Function* profiling_service(const char* name, size_t service) {
    auto* function = helper(name, b_.getVoidTy(), {b_.getPtrTy(), b_.getInt32Ty(), b_.getInt32Ty()});
    auto* profiling = b_.CreateICmpNE(b_.CreateLoad(b_.getInt32Ty(), member(offsetof(tw_run, profiling))), b_.getInt32(0));
    only(b_.CreateAnd(profiling, is_first()), [&] { call_service(service, b_.getVoidTy(), {run_, function->getArg(2)}); });
    b_.CreateRetVoid();
    return function;
  }
  // i32 (run, thread): not 0 when a thread has failed
  llvm::Function* wait_function() {
    auto* function = helper("wait", b_.getInt32Ty(), {b_.getPtrTy(), b_.getInt32Ty()});
    auto* threads = b_.CreateLoad(b_.getInt32Ty(), member(offsetof(tw_run, threads)));
    only(b_.CreateICmpSGT(threads, b_.getInt32(1)), [&] {
      return_if(b_.CreateICmpNE(call_service(offsetof(tw_services, barrier), b_.getInt32Ty(), {run_, thread_}), b_.getInt32(0)));
    });
    b_.CreateRet(b_.getInt32(0));
    return function;
  }

  void bind_dims(llvm::Value* symbols) {
    const auto& dims = plan_.function->dims;
    for (size_t i = 0; i < dims.size(); ++i)
      emitter_.bind(dims[i].node(), b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstGEP1_64(b_.getInt64Ty(), symbols, i), dims[i]->id.str()));
  }

  bool known_before_run(const Expr& e) const {
    bool known = true;
    visit(&e, [&](const Var& v) {
      bool found = false;
      for (const auto& d : plan_.function->dims) found = found || d.node() == &v;
      known = known && found;
    });
    return known;
  }

  template <class T> T attribute(const char* name, T otherwise) const {
    for (const auto& a : plan_.function->attrs)
      if (a->name == name) return std::get<T>(a->value);
    return otherwise;
  }

  void region_offsets() {
    llvm::Value* at = b_.getInt64(static_cast<uint64_t>(attribute<int64_t>("arena_bytes", 0)));
    regions_.clear();
    for (const auto& bytes : attribute<List<Ref<Expr>>>("regions", {})) {
      regions_.push_back(at);
      auto* padded = b_.CreateAnd(b_.CreateAdd(emitter_.expression(bytes), b_.getInt64(63)), b_.getInt64(~uint64_t{63}));
      at = b_.CreateAdd(at, padded);
    }
    arena_size_ = at;
  }

  llvm::Value* call_service(size_t offset, llvm::Type* result, const std::vector<llvm::Value*>& args) {
    auto* f = b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getInt8Ty(), services_, offset));
    std::vector<llvm::Type*> types;
    for (auto* a : args) types.push_back(a->getType());
    return b_.CreateCall(llvm::FunctionType::get(result, types, false), f, args);
  }

  void return_if(llvm::Value* failed) {
    auto& stop = stops_[function_];
    auto* go_on = block("go_on");
    if (stop == nullptr) {
      stop = block("stop");
      llvm::IRBuilder<>(stop).CreateRet(b_.getInt32(1));
    }
    b_.CreateCondBr(failed, stop, go_on);
    b_.SetInsertPoint(go_on);
  }

  void only(llvm::Value* condition, const std::function<void()>& body) {
    auto* then = block("then");
    auto* after = block("after");
    b_.CreateCondBr(condition, then, after);
    b_.SetInsertPoint(then);
    body();
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }
  llvm::Value* is_first() { return b_.CreateICmpEQ(thread_, b_.getInt32(0)); }

  void barrier() { return_if(b_.CreateICmpNE(b_.CreateCall(wait_, {run_, thread_}), b_.getInt32(0))); }

  void fail_unless(llvm::Value* condition, const std::string& message) {
    only(b_.CreateNot(condition), [&] {
      call_service(offsetof(tw_services, fail), b_.getVoidTy(), {run_, b_.getInt32(1), b_.CreateGlobalString(message)});
      return_if(b_.getTrue());
    });
  }

  // ---- memory
  llvm::Value* pointer(const Node* operand) {
    if (auto found = pointers_.find(operand); found != pointers_.end()) return found->second;
    if (as<Constant>(operand)) {
      auto offset = plan_.constants.find(operand);
      if (offset == plan_.constants.end()) throw internal_error("a constant has no place in the weights");
      return b_.CreateConstGEP1_64(b_.getInt8Ty(), weights_, static_cast<uint64_t>(offset->second));
    }
    const auto& value = *as<Value>(operand);
    if (!value.storage) throw internal_error("value '{}' has no storage", value.id.str());
    llvm::Value* place = place_of(*value.storage);
    return value.storage->begin ? b_.CreateConstGEP1_64(b_.getInt8Ty(), place, static_cast<uint64_t>(value.storage->begin)) : place;
  }

  llvm::Value* place_of(const Storage& s) {
    auto index = static_cast<uint64_t>(s.offset);
    switch (s.where) {
    case StorageKind::arena: return b_.CreateConstGEP1_64(b_.getInt8Ty(), arena_, index);
    case StorageKind::region: return b_.CreateGEP(b_.getInt8Ty(), arena_, regions_[index]);
    case StorageKind::alias: return pointer(s.of.node());
    case StorageKind::slot:
      return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), member(offsetof(tw_run, slots)), index));
    case StorageKind::output: return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), outputs_, index));
    }
    throw internal_error("unknown storage");
  }

  bool known_at_entry(const Ref<TensorType>& type) {
    bool known = true;
    for (const auto& e : type->shape) {
      bool simple = as<IntImm>(e);
      for (const auto& d : plan_.function->dims) simple = simple || e.same_as(d);
      known = known && simple;
    }
    return known;
  }

  // Memory whose size only this place in the run knows: thread 0 asks for it, all wait.
  void provide(const Value& value) {
    const Storage& s = *value.storage;
    bool slot = s.where == StorageKind::slot;
    // A result may be a view of what is computed into its memory.
    bool output = s.where == StorageKind::output;
    Ref<TensorType> type = tensor_of(output ? plan_.function->body->results[static_cast<size_t>(s.offset)].node() : &value);
    if (!slot && (!output || known_at_entry(type))) return;
    std::vector<llvm::Value*> sizes;
    for (const auto& e : type->shape) sizes.push_back(emitter_.expression(e));
    only(is_first(), [&] {
      auto* index = b_.getInt32(static_cast<uint32_t>(s.offset));
      llvm::Value* memory = nullptr;
      if (slot) {
        llvm::Value* bytes = b_.getInt64(static_cast<uint64_t>(type->element.bytes()));
        for (auto* size : sizes) bytes = b_.CreateMul(bytes, size);
        memory = call_service(offsetof(tw_services, allocate), b_.getPtrTy(), {run_, index, bytes});
      } else {
        llvm::IRBuilder<> at_entry(&function_->getEntryBlock(), function_->getEntryBlock().begin());
        auto* shape = at_entry.CreateAlloca(b_.getInt64Ty(), b_.getInt32(static_cast<uint32_t>(std::max<size_t>(sizes.size(), 1))));
        for (size_t d = 0; d < sizes.size(); ++d) b_.CreateStore(sizes[d], b_.CreateConstGEP1_64(b_.getInt64Ty(), shape, d));
        memory = call_service(offsetof(tw_services, output), b_.getPtrTy(),
                              {run_, index, b_.getInt32(static_cast<uint32_t>(sizes.size())), shape});
      }
      return_if(b_.CreateIsNull(memory));
    });
    barrier();
  }

  // ---- bindings
  void emit(const Body& body) {
    for (const auto& binding : body.bindings) {
      if (const auto* invoke = as<Invoke>(binding->operation)) launch(*binding, *invoke);
      else if (const auto* call = as<OpCall>(binding->operation)) operator_call(*binding, *call);
      else if (const auto* branch = as<Branch>(binding->operation)) branch_on(*binding, *branch);
      else throw internal_error("a {} reached the entry function", kind_name(binding->operation.node()));
    }
  }

  void launch(const Binding& binding, const Invoke& invoke) {
    auto found = plan_.kernels.find(invoke.callee);
    if (found == plan_.kernels.end()) throw internal_error("no code for kernel '{}'", invoke.callee.str());
    const KernelCode& code = found->second;
    for (const auto& v : binding.values) provide(*v);
    std::vector<llvm::Value*> args;
    for (const auto& a : invoke.args) args.push_back(pointer(a.node()));
    for (const auto& v : binding.values) args.push_back(pointer(v.node()));
    for (const auto& s : invoke.scalars) args.push_back(emitter_.expression(s));
    args.push_back(code.parallel ? thread_ : b_.getInt32(0));
    args.push_back(code.parallel ? threads_ : b_.getInt32(1));
    args.push_back(scratch_);
    args.push_back(run_);
    auto index = b_.getInt32(static_cast<uint32_t>(launches_.size()));
    launches_.push_back(plan_.describe(invoke, *code.kernel, binding.operation->origin));
    auto callee = module_.getOrInsertFunction(code.symbol, kernel_type(module_.getContext(), *code.kernel));
    auto call = [&] { b_.CreateCall(callee, args); };
    b_.CreateCall(launch_begin_, {run_, thread_, index});
    if (code.parallel) call();
    else only(is_first(), call);
    b_.CreateCall(launch_end_, {run_, thread_, index});
  }

  void operator_call(const Binding& binding, const OpCall& call) {
    if (call.op == "barrier") {
      barrier();
    } else if (call.op == "read_sizes") {
      auto* data = pointer(call.args[0].node());
      for (size_t i = 0; i < binding.dims.size(); ++i) {
        const Var& dim = *binding.dims[i];
        auto* size = b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstGEP1_64(b_.getInt64Ty(), data, i), dim.id.str());
        emitter_.bind(&dim, size);
        auto* low = b_.CreateICmpSGE(size, b_.getInt64(static_cast<uint64_t>(dim.min)));
        auto* high = b_.CreateICmpSLE(size, b_.getInt64(static_cast<uint64_t>(dim.max)));
        fail_unless(b_.CreateAnd(low, high), fmt::format("size '{}', computed during the run, is out of its range", dim.id.str()));
      }
    } else if (call.op == "assume") {
      for (const auto& a : call.attrs)
        if (a->name == "condition") {
          std::string text = "sizes do not fit";
          for (const auto& t : call.attrs)
            if (t->name == "text") text = std::get<Name>(t->value).str();
          fail_unless(emitter_.expression(as_ref<Expr>(std::get<Opt<Expr>>(a->value))), text);
        }
    }
    // Views need no code: their storage is their argument's.
  }

  void branch_on(const Binding& binding, const Branch& branch) {
    auto* cond = b_.CreateLoad(b_.getInt8Ty(), pointer(branch.cond.node()));
    auto* then = block("branch_then");
    auto* otherwise = block("branch_else");
    auto* after = block("branch_end");
    b_.CreateCondBr(b_.CreateICmpNE(cond, b_.getInt8(0)), then, otherwise);
    std::vector<llvm::BasicBlock*> ends;
    std::vector<std::vector<llvm::Value*>> pointers(2), sizes(2);
    for (int side = 0; side < 2; ++side) {
      const Body& body = side == 0 ? *branch.then : *branch.otherwise;
      b_.SetInsertPoint(side == 0 ? then : otherwise);
      emit(body);
      for (const auto& r : body.results) pointers[static_cast<size_t>(side)].push_back(pointer(r.node()));
      for (const auto& dim : binding.dims) sizes[static_cast<size_t>(side)].push_back(size_of(dim, binding, body));
      ends.push_back(b_.GetInsertBlock());
      b_.CreateBr(after);
    }
    b_.SetInsertPoint(after);
    auto join = [&](llvm::Value* a, llvm::Value* b) {
      auto* phi = b_.CreatePHI(a->getType(), 2);
      phi->addIncoming(a, ends[0]);
      phi->addIncoming(b, ends[1]);
      return phi;
    };
    for (size_t i = 0; i < binding.values.size(); ++i) pointers_[binding.values[i].node()] = join(pointers[0][i], pointers[1][i]);
    for (size_t i = 0; i < binding.dims.size(); ++i) emitter_.bind(binding.dims[i].node(), join(sizes[0][i], sizes[1][i]));
  }

  // What a size that the branch introduces is on one side: where it stands alone in a result's type, that result's size.
  llvm::Value* size_of(const Ref<Var>& dim, const Binding& binding, const Body& body) {
    for (size_t i = 0; i < binding.values.size(); ++i) {
      const Shape joined = tensor_of(binding.values[i])->shape, actual = tensor_of(body.results[i])->shape;
      for (size_t d = 0; d < joined.size(); ++d)
        if (joined[d].same_as(dim)) return emitter_.expression(actual[d]);
    }
    throw internal_error("size '{}' of a branch stands in no result", dim->id.str());
  }

  llvm::Module& module_;
  const EntryPlan& plan_;
  KernelEmitter emitter_;
  llvm::IRBuilder<>& b_;
  llvm::Function* function_ = nullptr; // being emitted
  llvm::Function *launch_begin_ = nullptr, *launch_end_ = nullptr, *wait_ = nullptr;
  std::unordered_map<llvm::Function*, llvm::BasicBlock*> stops_;
  llvm::Value *run_ = nullptr, *thread_ = nullptr, *threads_ = nullptr, *services_ = nullptr, *inputs_ = nullptr, *outputs_ = nullptr;
  llvm::Value *arena_ = nullptr, *weights_ = nullptr, *scratch_ = nullptr, *arena_size_ = nullptr;
  std::vector<llvm::Value*> regions_;
  std::unordered_map<const Node*, llvm::Value*> pointers_;
  std::vector<Launch> launches_;
};

} // namespace

std::vector<Launch> emit_entry(llvm::Module& module, const Target& target, const EntryPlan& plan) {
  EntryEmitter emitter(module, target, plan);
  auto* plan_function = emitter.plan();
  auto* entry = emitter.entry();
  emit_descriptor(module, plan, emitter.launches(), {.plan = plan_function, .predict = emitter.predict(), .entry = entry});
  return emitter.launches();
}

} // namespace tw::codegen
