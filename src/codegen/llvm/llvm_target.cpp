// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/llvm_target.h"

#include "base/diagnostics.h"

#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/CodeGen.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <mutex>

namespace tw::codegen {
namespace {

// Names that differ from those in /proc/cpuinfo; all others are equal but for underscores in avx512 names.
constexpr std::pair<std::string_view, std::string_view> renamed[] = {
    {"pni", "sse3"}, {"sse4_1", "sse4.1"},    {"sse4_2", "sse4.2"},     {"lahf_lm", "sahf"},      {"abm", "lzcnt"},
    {"bmi1", "bmi"}, {"avx_vnni", "avxvnni"}, {"amx_tile", "amx-tile"}, {"amx_bf16", "amx-bf16"}, {"amx_int8", "amx-int8"},
};

std::string llvm_feature(std::string_view name) {
  for (const auto& [ours, theirs] : renamed)
    if (ours == name) return std::string(theirs);
  std::string text(name);
  std::erase(text, '_');
  return text;
}

llvm::CodeGenOptLevel level_of(int level) {
  TW_CHECK(level >= 0 && level <= 3, "code generation level {}", level);
  return static_cast<llvm::CodeGenOptLevel>(level);
}

// Loop-strength reduction turns one index and immediate displacements into many pointers; with a dozen rows of A it runs out of registers
// (a 13x32 tile: 61 % of peak with it, 98 % without) and it gains nowhere (docs/measurements/register-tiles.md). LLVM has only a
// process-wide switch for it.
void disable_loop_strength_reduction() {
  auto& options = llvm::cl::getRegisteredOptions();
  auto found = options.find("disable-lsr");
  TW_CHECK(found != options.end(), "this LLVM has no option disable-lsr");
  static_cast<llvm::cl::opt<bool>*>(found->second)->setValue(true);
}

} // namespace

std::string llvm_triple(const Target& target) {
  if (target.machine != "x86_64") throw unsupported("no code generator for machine '{}'", target.machine);
  return "x86_64-unknown-linux-gnu";
}

std::string llvm_cpu(const Target& target) {
  std::string best = "x86-64";
  for (const char* level : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (std::ranges::includes(target.features, *level_features(level))) best = level;
  return best;
}

std::string llvm_features(const Target& target) {
  std::string text;
  for (const Feature& feature : feature_table())
    text += fmt::format("{}{}{}", text.empty() ? "" : ",", target.has(feature.name) ? '+' : '-', llvm_feature(feature.name));
  // Else some of them become two instructions each, which is meant for chains that wait; tiles have sums enough that none does.
  return text + ",+fast-dpwssd";
}

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeX86Disassembler();
    disable_loop_strength_reduction();
  });
}

std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target, const CodegenOptions& options) {
  initialize_llvm();
  std::string triple = llvm_triple(target), error;
  const llvm::Target* description = llvm::TargetRegistry::lookupTarget(triple, error);
  TW_CHECK(description, "{}", error);
  llvm::TargetOptions settings;
  settings.MCOptions.ShowMCEncoding = false;
  std::unique_ptr<llvm::TargetMachine> machine(description->createTargetMachine(
      triple, llvm_cpu(target), llvm_features(target), settings, llvm::Reloc::PIC_, llvm::CodeModel::Small, level_of(options.level)));
  TW_CHECK(machine, "no target machine for {}", target.name);
  return machine;
}

} // namespace tw::codegen
