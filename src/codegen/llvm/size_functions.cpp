// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/size_functions.h"

#include "ir/build.h"
#include "ir/derived.h"
#include "ir/over_dims.h"

#include <llvm/IR/Module.h>

namespace tw::codegen {
namespace {

class SizeFunctionsEmitter {
public:
  SizeFunctionsEmitter(KernelEmitter& emitter, llvm::Module& module, const List<Ref<Var>>& dims)
      : module_(module), emitter_(emitter), b_(emitter.builder()), dims_(dims) {}

  // double predict(symbols): nanoseconds of a run on one thread. A size that the run computes counts as the cost model's typical one.
  llvm::Function* predict(const std::vector<Launch>& launches, const std::function<void(llvm::Value*)>& bind_dims) {
    auto* function = begin("predict", b_.getDoubleTy(), 1);
    bind_dims(function->getArg(0));
    double fixed = 0;
    llvm::Value* sum = nullptr;
    for (const Launch& l : launches) {
      if (!known_before_run(l.predicted_ns.exact, dims_)) {
        fixed += l.predicted_ns.typical;
        continue;
      }
      auto* part = value(as_ref<Expr>(l.predicted_ns.exact));
      sum = sum == nullptr ? part : b_.CreateFAdd(sum, part);
    }
    auto* rest = llvm::ConstantFP::get(b_.getDoubleTy(), fixed);
    b_.CreateRet(sum == nullptr ? rest : b_.CreateFAdd(sum, rest));
    return function;
  }

  // void describe(symbols, sizes, amounts)
  llvm::Constant* describe(const std::vector<Launch>& launches, const std::function<void(llvm::Value*)>& bind_dims) {
    auto* function = begin("describe", b_.getVoidTy(), 3);
    bind_dims(function->getArg(0));
    size_t gaps = 0, amounts = 0, stores = 0;
    for (const Launch& l : launches) {
      for (const auto& part : l.shape) {
        if (!known_before_run(part.size, dims_)) continue;
        store(value(as_ref<Expr>(part.size)), function->getArg(1), gaps++);
        ++stores;
      }
      for (const SizedNumber* number : {&l.flops, &l.bytes, &l.predicted_ns}) {
        const size_t at = amounts++;
        if (!known_before_run(number->exact, dims_)) continue;
        store(value(as_ref<Expr>(number->exact)), function->getArg(2), at);
        ++stores;
      }
    }
    b_.CreateRetVoid();
    if (stores > 0) return function;
    function->eraseFromParent();
    return llvm::ConstantPointerNull::get(b_.getPtrTy());
  }

private:
  llvm::Function* begin(const char* name, llvm::Type* result, size_t parameters) {
    auto* type = llvm::FunctionType::get(result, std::vector<llvm::Type*>(parameters, b_.getPtrTy()), false);
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
    emitter_.enter(function);
    computed_.clear();
    return function;
  }
  void store(llvm::Value* value, llvm::Value* list, size_t index) {
    b_.CreateStore(value, b_.CreateConstGEP1_64(value->getType(), list, index));
  }
  // Launches have most of their sizes, and of what is computed with them, in common: each part is computed once.
  llvm::Value* value(const Ref<Expr>& e) {
    return emitter_.expression(rewrite(e, [&](const Expr& part) -> Opt<Expr> {
      if (as<Var>(&part) || as<IntImm>(&part) || as<FloatImm>(&part)) return {};
      auto& similar = computed_[structural_hash(&part)];
      for (const auto& [computed, name] : similar)
        if (equal(computed.node(), &part)) return name;
      const Ref<Expr> whole = as_ref<Expr>(Opt<tw::Node>(&part, 0));
      const Ref<Var> name = var(fmt::format("part_{}", ++parts_), part.dtype);
      emitter_.bind(name.node(), emitter_.expression(whole));
      similar.emplace_back(whole, name);
      return name;
    }));
  }

  llvm::Module& module_;
  KernelEmitter& emitter_;
  llvm::IRBuilder<>& b_;
  const List<Ref<Var>>& dims_;
  std::unordered_map<uint32_t, std::vector<std::pair<Ref<Expr>, Ref<Var>>>> computed_; // by hash; names of their values
  size_t parts_ = 0;
};

} // namespace

SizeFunctions emit_size_functions(KernelEmitter& emitter, llvm::Module& module, const std::vector<Launch>& launches,
                                  const List<Ref<Var>>& dims, const std::function<void(llvm::Value*)>& bind_dims) {
  SizeFunctionsEmitter functions(emitter, module, dims);
  auto* predict = functions.predict(launches, bind_dims);
  return {.predict = predict, .describe = functions.describe(launches, bind_dims)};
}

bool known_before_run(const Opt<Expr>& e, const List<Ref<Var>>& dims) { return e && is_over(as_ref<Expr>(e), dims); }

std::string Launch::shape_text() const {
  std::string out;
  for (const ShapePart& part : shape) {
    out += part.text;
    if (!part.size) continue;
    const std::string size = to_text(as_ref<Expr>(part.size));
    out += as<Var>(part.size) ? size : "(" + size + ")";
  }
  return out;
}

} // namespace tw::codegen
