// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/entry_emitter.h"

#include "codegen/llvm/descriptor_emitter.h"
#include "codegen/llvm/size_functions.h"
#include "ir/build.h"
#include "ir/visit.h"

#include <llvm/IR/Module.h>

#include <set>

namespace tw::codegen {

namespace {

// What a kernel is given: bases[base] + offset, an address or a size (tw_operand).
struct Operand {
  uint64_t base = 0, offset = 0;
};

class EntryEmitter {
public:
  EntryEmitter(llvm::Module& module, const Target& target, const EntryPlan& plan)
      : module_(module), plan_(plan), emitter_(module, target), b_(emitter_.builder()) {}

  llvm::Function* entry() {
    for (const auto& [name, code] : plan_.kernels) launchers_.emplace(name, launcher(code));
    steps_ = declare_later("steps");
    auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {b_.getPtrTy(), b_.getInt32Ty()}, false);
    function_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "entry", module_);
    emitter_.enter(function_);
    run_ = function_->getArg(0);
    thread_ = function_->getArg(1);
    services_ = pointer_member(offsetof(tw_run, services));
    outputs_ = pointer_member(offsetof(tw_run, outputs));
    bases_ = b_.CreateAlloca(b_.getInt64Ty(), b_.getInt32(1));
    values_ = b_.CreateAlloca(b_.getInt64Ty(), b_.getInt32(1));
    hold(b_.getInt64(0)); // of operands that are constants
    arena_ = hold(pointer_member(offsetof(tw_run, arena))).base;
    weights_ = hold(pointer_member(offsetof(tw_run, weights))).base;
    bind_dims(pointer_member(offsetof(tw_run, symbols)));
    region_offsets();
    for (auto* offset : regions_) region_bases_.push_back(hold(b_.CreateGEP(b_.getInt8Ty(), address({arena_, 0}), offset)).base);
    const Body& body = *plan_.function->body;
    auto* inputs = pointer_member(offsetof(tw_run, inputs));
    for (size_t i = 0; i < body.params.size(); ++i) operands_[body.params[i].node()] = hold(element(inputs, i));
    for (size_t i = 0; i < body.results.size(); ++i) output_bases_.push_back(hold(element(outputs_, i)).base);
    emit(body);
    walk_steps();
    b_.CreateRet(b_.getInt32(0));
    bases_->setOperand(0, b_.getInt32(static_cast<uint32_t>(base_count_)));
    values_->setOperand(0, b_.getInt32(static_cast<uint32_t>(std::max<size_t>(most_operands_, 1))));
    define_steps();
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

  // Functions over the sizes alone. After entry(), which lists the launches.
  SizeFunctions size_functions() {
    return emit_size_functions(emitter_, module_, launches_, plan_.function->dims, [this](llvm::Value* symbols) { bind_dims(symbols); });
  }

  const std::vector<Launch>& launches() const { return launches_; }

private:
  llvm::Value* member(size_t offset) { return b_.CreateConstGEP1_64(b_.getInt8Ty(), run_, offset); }
  llvm::Value* pointer_member(size_t offset) { return b_.CreateLoad(b_.getPtrTy(), member(offset)); }
  llvm::BasicBlock* block(const char* name) { return llvm::BasicBlock::Create(module_.getContext(), name, function_); }

  // ---- steps: kernels and barriers, which the runtime walks through (tw_step). They are data, so that a further layer of kernels that are
  // there already costs next to no code: the entry function is compiled in every compilation, kernels once.
  struct Step {
    llvm::Function* launcher = nullptr; // null: a barrier
    size_t launch = 0;
    bool shared = true;
    std::vector<Operand> operands = {};
  };

  // void (run, values, thread, threads, scratch): the kernel with its arguments where a function has them.
  llvm::Function* launcher(const KernelCode& code) {
    auto* i32 = b_.getInt32Ty();
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), b_.getPtrTy(), i32, i32, b_.getPtrTy()}, false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "launch_" + code.symbol, module_);
    emitter_.enter(function);
    auto* kernel = kernel_type(module_.getContext(), *code.kernel);
    std::vector<llvm::Value*> args;
    for (size_t i = 0; i < code.kernel->params.size() + code.kernel->dims.size(); ++i) {
      auto* at = b_.CreateConstGEP1_64(b_.getInt64Ty(), function->getArg(1), i);
      args.push_back(b_.CreateLoad(kernel->getParamType(static_cast<unsigned>(i)), at));
    }
    args.insert(args.end(), {function->getArg(2), function->getArg(3), function->getArg(4), function->getArg(0)});
    b_.CreateCall(module_.getOrInsertFunction(code.symbol, kernel), args);
    b_.CreateRetVoid();
    return function;
  }

  // Known by its address before its contents are.
  llvm::GlobalVariable* declare_later(const char* name) {
    return new llvm::GlobalVariable(module_, b_.getInt8Ty(), true, llvm::GlobalValue::ExternalLinkage, nullptr, name);
  }

  // What has been listed so far is done here.
  void walk_steps() {
    if (walked_ == list_.size()) return;
    auto* first = b_.CreateConstGEP1_64(b_.getInt8Ty(), steps_, walked_ * sizeof(tw_step));
    auto* count = b_.getInt32(static_cast<uint32_t>(list_.size() - walked_));
    walked_ = list_.size();
    stop_if(call_service(offsetof(tw_services, walk), b_.getInt32Ty(), {run_, thread_, first, count, bases_, values_}));
  }

  void define_steps() {
    std::vector<uint64_t> operands;
    for (const Step& step : list_)
      for (const Operand& o : step.operands) operands.insert(operands.end(), {o.base, o.offset});
    auto* data = llvm::ConstantDataArray::get(module_.getContext(), operands);
    auto* all = new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::InternalLinkage, data, "operands");
    std::vector<llvm::Constant*> rows;
    auto i32 = [&](size_t value) { return b_.getInt32(static_cast<uint32_t>(value)); };
    auto* none = llvm::ConstantPointerNull::get(b_.getPtrTy());
    size_t at = 0;
    for (const Step& step : list_) {
      auto* mine = llvm::ConstantExpr::getGetElementPtr(b_.getInt8Ty(), all,
                                                        b_.getInt64(std::exchange(at, at + step.operands.size()) * sizeof(tw_operand)));
      auto* launcher = step.launcher ? llvm::cast<llvm::Constant>(step.launcher) : none;
      rows.push_back(
          llvm::ConstantStruct::getAnon({launcher, mine, i32(step.operands.size()), i32(step.launch), i32(step.shared), i32(0)}));
    }
    if (!rows.empty()) {
      auto* type = llvm::ArrayType::get(rows[0]->getType(), rows.size());
      auto* table =
          new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::InternalLinkage, llvm::ConstantArray::get(type, rows), "");
      steps_->replaceAllUsesWith(table);
    }
    steps_->eraseFromParent();
  }

  void bind_dims(llvm::Value* symbols) {
    const auto& dims = plan_.function->dims;
    for (size_t i = 0; i < dims.size(); ++i)
      emitter_.bind(dims[i].node(), b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstGEP1_64(b_.getInt64Ty(), symbols, i), dims[i]->id.str()));
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

  void stop_if(llvm::Value* failed) {
    if (failed->getType()->isIntegerTy(32)) failed = b_.CreateICmpNE(failed, b_.getInt32(0));
    if (stop_ == nullptr) {
      stop_ = block("stop");
      llvm::IRBuilder<>(stop_).CreateRet(b_.getInt32(1));
    }
    auto* go_on = block("go_on");
    b_.CreateCondBr(failed, stop_, go_on);
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

  void fail_unless(llvm::Value* condition, const std::string& message) {
    only(b_.CreateNot(condition), [&] {
      call_service(offsetof(tw_services, fail), b_.getVoidTy(), {run_, b_.getInt32(1), b_.CreateGlobalString(message)});
      stop_if(b_.getTrue());
    });
  }

  // ---- memory: what operands are relative to stands in an array of the thread
  void hold_at(uint64_t base, llvm::Value* value) { b_.CreateStore(value, b_.CreateConstGEP1_64(b_.getInt64Ty(), bases_, base)); }
  Operand hold(llvm::Value* value) {
    hold_at(base_count_, value);
    return {base_count_++, 0};
  }
  llvm::Value* element(llvm::Value* pointers, uint64_t index) {
    return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), pointers, index));
  }
  llvm::Value* address(const Operand& o) {
    auto* base = element(bases_, o.base);
    return o.offset ? b_.CreateConstGEP1_64(b_.getInt8Ty(), base, o.offset) : base;
  }

  Operand operand(const Node* value) {
    if (auto found = operands_.find(value); found != operands_.end()) return found->second;
    if (as<Constant>(value)) {
      auto offset = plan_.constants.find(value);
      if (offset == plan_.constants.end()) throw internal_error("a constant has no place in the weights");
      return {weights_, static_cast<uint64_t>(offset->second)};
    }
    const auto& v = *as<Value>(value);
    if (!v.storage) throw internal_error("value '{}' has no storage", v.id.str());
    Operand place = place_of(*v.storage);
    if (!v.storage->begin) return place;
    Ref<Expr> begin = as_ref<Expr>(v.storage->begin);
    if (auto known = as_int(begin)) return {place.base, place.offset + static_cast<uint64_t>(*known)};
    return computed(value, [&] { return b_.CreateGEP(b_.getInt8Ty(), address(place), emitter_.expression(begin)); });
  }

  Operand place_of(const Storage& s) {
    auto index = static_cast<uint64_t>(s.offset);
    switch (s.where) {
    case StorageKind::arena: return {arena_, index};
    case StorageKind::region: return {region_bases_[index], 0};
    case StorageKind::alias: return operand(s.of.node());
    case StorageKind::slot: return {slot_base(index), 0};
    case StorageKind::output: return {output_bases_[index], 0};
    }
    throw internal_error("unknown storage");
  }

  uint64_t slot_base(uint64_t slot) {
    auto [found, added] = slot_bases_.try_emplace(slot, base_count_);
    base_count_ += added;
    return found->second;
  }

  Operand size_operand(const Ref<Expr>& size) {
    if (auto known = as_int(size)) return {0, static_cast<uint64_t>(*known)};
    return computed(size.node(), [&] { return emitter_.expression(size); });
  }

  // What stands in no table: sizes that are no constants, and addresses of parts that begin behind such.
  template <class Compute> Operand computed(const Node* what, const Compute& compute) {
    auto found = computed_.find(what);
    if (found == computed_.end()) found = computed_.emplace(what, hold(compute())).first;
    return found->second;
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
    if (output && !provided_.insert(s.offset).second) return; // for another part of it
    walk_steps();
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
      stop_if(b_.CreateIsNull(memory));
    });
    stop_if(call_service(offsetof(tw_services, barrier), b_.getInt32Ty(), {run_, thread_}));
    auto index = static_cast<uint64_t>(s.offset);
    if (slot) hold_at(slot_base(index), element(member(offsetof(tw_run, slots)), index));
    else hold_at(output_bases_[index], element(outputs_, index));
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
    for (const auto& v : binding.values) provide(*v);
    Step step = {.launcher = launchers_.at(invoke.callee), .launch = launches_.size(), .shared = found->second.parallel};
    for (const auto& a : invoke.args) step.operands.push_back(operand(a.node()));
    for (const auto& v : binding.values) step.operands.push_back(operand(v.node()));
    for (const auto& s : invoke.scalars) step.operands.push_back(size_operand(s));
    most_operands_ = std::max(most_operands_, step.operands.size());
    list_.push_back(std::move(step));
    launches_.push_back(plan_.describe(invoke, *found->second.kernel, binding.operation->origin));
  }

  void operator_call(const Binding& binding, const OpCall& call) {
    if (call.op == "barrier") {
      list_.push_back({});
    } else if (call.op == "read_sizes") {
      walk_steps();
      auto* data = address(operand(call.args[0].node()));
      for (size_t i = 0; i < binding.dims.size(); ++i) {
        const Var& dim = *binding.dims[i];
        auto* size = b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstGEP1_64(b_.getInt64Ty(), data, i), dim.id.str());
        emitter_.bind(&dim, size);
        auto* low = b_.CreateICmpSGE(size, b_.getInt64(static_cast<uint64_t>(dim.min)));
        auto* high = b_.CreateICmpSLE(size, b_.getInt64(static_cast<uint64_t>(dim.max)));
        fail_unless(b_.CreateAnd(low, high), fmt::format("size '{}', computed during the run, is out of its range", dim.id.str()));
      }
    } else if (call.op == "assume") {
      walk_steps();
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
    walk_steps();
    auto* cond = b_.CreateLoad(b_.getInt8Ty(), address(operand(branch.cond.node())));
    auto* then = block("branch_then");
    auto* otherwise = block("branch_else");
    auto* after = block("branch_end");
    b_.CreateCondBr(b_.CreateICmpNE(cond, b_.getInt8(0)), then, otherwise);
    std::vector<llvm::BasicBlock*> ends;
    std::vector<std::vector<llvm::Value*>> sizes(2);
    std::vector<Operand> joined;
    for (size_t i = 0; i < binding.values.size(); ++i) joined.push_back({base_count_++, 0});
    const auto computed_before = computed_; // what one side computes the other does not have
    for (int side = 0; side < 2; ++side) {
      const Body& body = side == 0 ? *branch.then : *branch.otherwise;
      b_.SetInsertPoint(side == 0 ? then : otherwise);
      emit(body);
      walk_steps();
      for (size_t i = 0; i < body.results.size(); ++i) hold_at(joined[i].base, address(operand(body.results[i].node())));
      for (const auto& dim : binding.dims) sizes[static_cast<size_t>(side)].push_back(size_of(dim, binding, body));
      computed_ = computed_before;
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
    for (size_t i = 0; i < binding.values.size(); ++i) operands_[binding.values[i].node()] = joined[i];
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
  llvm::BasicBlock* stop_ = nullptr;
  llvm::Value *run_ = nullptr, *thread_ = nullptr, *services_ = nullptr, *outputs_ = nullptr, *arena_size_ = nullptr;
  llvm::AllocaInst *bases_ = nullptr, *values_ = nullptr; // the second: room for the operands of one step
  std::vector<llvm::Value*> regions_;
  uint64_t base_count_ = 0, arena_ = 0, weights_ = 0;
  std::vector<uint64_t> region_bases_, output_bases_;
  std::set<int64_t> provided_; // outputs that had to be asked for
  std::map<uint64_t, uint64_t> slot_bases_;
  std::unordered_map<const Node*, Operand> operands_, computed_; // of values that have no storage of their own; what computed() gave
  std::map<Name, llvm::Function*> launchers_;                    // by the kernel's name
  llvm::GlobalVariable* steps_ = nullptr;
  std::vector<Step> list_;
  size_t walked_ = 0, most_operands_ = 0;
  std::vector<Launch> launches_;
};

} // namespace

std::vector<Launch> emit_entry(llvm::Module& module, const Target& target, const EntryPlan& plan) {
  EntryEmitter emitter(module, target, plan);
  auto* plan_function = emitter.plan();
  auto* entry = emitter.entry();
  emit_descriptor(module, plan, emitter.launches(), {.plan = plan_function, .sizes = emitter.size_functions(), .entry = entry});
  return emitter.launches();
}

} // namespace tw::codegen
