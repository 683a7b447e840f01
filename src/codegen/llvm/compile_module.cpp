// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/compile_module.h"

#include "base/diagnostics.h"
#include "base/parallel_for.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include <algorithm>
#include <atomic>
#include <numeric>

namespace tw::codegen {
namespace {

// Keeps the first error that LLVM reports in a context, instead of printing it and leaving the process, for as long as it lives.
class ErrorKeeper {
public:
  ErrorKeeper(llvm::LLVMContext& context, std::string& text) : context_(context), previous_(context.getDiagnosticHandler()) {
    context.setDiagnosticHandler(std::make_unique<Handler>(text));
  }
  ~ErrorKeeper() { context_.setDiagnosticHandler(std::move(previous_)); }

private:
  struct Handler : llvm::DiagnosticHandler {
    explicit Handler(std::string& text) : text(text) {}
    bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
      if (info.getSeverity() != llvm::DS_Error || !text.empty()) return true;
      llvm::raw_string_ostream stream(text);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
      return true;
    }
    std::string& text;
  };

  llvm::LLVMContext& context_;
  std::unique_ptr<llvm::DiagnosticHandler> previous_;
};

void run_middle_end(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  // Kernels come simplified: combining instructions took a tenth of the compile time and made none faster.
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SROAPass(llvm::SROAOptions::PreserveCFG));
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  for (llvm::Function& function : module)
    if (!function.isDeclaration()) passes.run(function, functions);
}

} // namespace

ModuleCompiler::ModuleCompiler(const Target& target, const CodegenOptions& options)
    : target_(target), options_(options), machine_(make_target_machine(target, options)) {}

ModuleCompiler::~ModuleCompiler() = default;

void ModuleCompiler::prepare(llvm::Module& module) {
  module.setTargetTriple(machine_->getTargetTriple().str());
  module.setDataLayout(machine_->createDataLayout());
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr(llvm::Attribute::NoUnwind);
    function.addFnAttr("target-cpu", machine_->getTargetCPU());
    function.addFnAttr("target-features", machine_->getTargetFeatureString());
    if (!target_.microarchitecture.empty()) function.addFnAttr("tune-cpu", target_.microarchitecture);
    // Without this, tuning for many AVX-512 cores splits memory copies and legalises vectors at 256 bits.
    function.addFnAttr("prefer-vector-width", std::to_string(target_.vector_bytes * 8));
  }
  if (!options_.verify) return;
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (llvm::verifyModule(module, &stream)) throw internal_error("generated code is not well formed: {}", text).at(module.getName().str());
}

void ModuleCompiler::emit(llvm::Module& module, ObjectBytes& out, bool as_text) {
  std::string error;
  ErrorKeeper keeper(module.getContext(), error);
  prepare(module);
  if (options_.middle_end) run_middle_end(module, *machine_);
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  auto kind = as_text ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if (machine_->addPassesToEmitFile(passes, stream, nullptr, kind, /*DisableVerify=*/true))
    throw internal_error("the back end cannot emit files").at(module.getName().str());
  passes.run(module);
  if (!error.empty()) throw internal_error("the back end refused generated code: {}", error).at(module.getName().str());
}

ObjectBytes ModuleCompiler::object(llvm::Module& module) {
  ObjectBytes bytes;
  emit(module, bytes, false);
  return bytes;
}

std::string ModuleCompiler::assembly(llvm::Module& module) {
  ObjectBytes bytes;
  emit(module, bytes, true);
  return {bytes.begin(), bytes.end()};
}

std::vector<ObjectBytes> compile_parallel(const std::vector<CompileTask>& tasks, const Target& target, int threads,
                                          const CodegenOptions& options) {
  std::vector<size_t> order(tasks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return tasks[i].cost; });
  std::vector<ObjectBytes> objects(tasks.size());
  std::atomic<size_t> next = 0;
  initialize_llvm();

  CodegenOptions fast = options;
  fast.level = 0;
  fast.middle_end = false;
  size_t workers = std::min(static_cast<size_t>(std::max(threads, 1)), tasks.size());
  // By workers, not by tasks: each has a compiler of its own.
  parallel_for(workers, static_cast<int>(workers), [&](size_t) {
    ModuleCompiler compiler(target, options);
    for (size_t i; (i = next++) < order.size();) try {
        llvm::LLVMContext context;
        auto module = tasks[order[i]].build(context);
        objects[order[i]] = tasks[order[i]].hot ? compiler.object(*module) : ModuleCompiler(target, fast).object(*module);
      } catch (...) {
        next = order.size();
        throw;
      }
  });
  return objects;
}

} // namespace tw::codegen
