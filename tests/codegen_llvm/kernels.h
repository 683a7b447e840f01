// SPDX-License-Identifier: Apache-2.0
// Small functions as IR text and the way to call them, shared by the tests of code generation.
#pragma once

#include "base/diagnostics.h"
#include "codegen/llvm/compile_module.h"

#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

namespace tw::codegen {

inline std::unique_ptr<llvm::Module> parse_ir(llvm::LLVMContext& context, const std::string& text) {
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(text, diagnostic, context);
  TW_CHECK(module, "{}", diagnostic.getMessage().str());
  return module;
}

// The addition of `constant`, with a name of its own, so that many differ.
inline std::string add_function(const std::string& name, int constant) {
  return fmt::format("define i32 @{}(i32 %x) {{\n %y = add i32 %x, {}\n ret i32 %y\n}}\n", name, constant);
}

inline ObjectBytes compile_text(const std::string& text, const std::string& target = "native") {
  llvm::LLVMContext context;
  auto module = parse_ir(context, text);
  return ModuleCompiler(parse_target(target), {.verify = true}).object(*module);
}

} // namespace tw::codegen
