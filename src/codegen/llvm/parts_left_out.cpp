// SPDX-License-Identifier: Apache-2.0
// LLD's driver starts every target of LLVM, and its link-time optimiser the plug-in Polly. Here it links finished objects for the
// processors of `Target`, so empty functions stand in for the rest, and the static archives of LLVM leave it out.
#ifdef TENSORWRIGHT_STATIC_LLVM
#include <llvm/Passes/PassPlugin.h>

llvm::PassPluginLibraryInfo getPollyPluginInfo();
llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "none", "", [](llvm::PassBuilder&) {}};
}

// The lists name X86 as well; its real functions are used, so these get names that nobody calls.
#define LLVMInitializeX86TargetInfo tw_unused_target_info
#define LLVMInitializeX86Target tw_unused_target
#define LLVMInitializeX86TargetMC tw_unused_target_mc
#define LLVMInitializeX86AsmPrinter tw_unused_asm_printer
#define LLVMInitializeX86AsmParser tw_unused_asm_parser

extern "C" {
#define TW_EMPTY(name)                                                                                                                     \
  void name();                                                                                                                             \
  void name() {}
#define LLVM_TARGET(name)                                                                                                                  \
  TW_EMPTY(LLVMInitialize##name##TargetInfo) TW_EMPTY(LLVMInitialize##name##Target) TW_EMPTY(LLVMInitialize##name##TargetMC)
#include <llvm/Config/Targets.def>
#define LLVM_ASM_PRINTER(name) TW_EMPTY(LLVMInitialize##name##AsmPrinter)
#include <llvm/Config/AsmPrinters.def>
#define LLVM_ASM_PARSER(name) TW_EMPTY(LLVMInitialize##name##AsmParser)
#include <llvm/Config/AsmParsers.def>
}
#endif
