// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/disassemble.h"

#include "base/diagnostics.h"
#include "codegen/llvm/llvm_target.h"

#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <map>

namespace tw::codegen {
namespace {

template <class T> T checked(llvm::Expected<T> value) {
  if (!value) throw internal_error("compiled code cannot be read: {}", llvm::toString(value.takeError()));
  return std::move(*value);
}

// The bytes of a function, and at which of its addresses stand the names of what the linker fills in.
struct Code {
  llvm::ArrayRef<uint8_t> bytes;
  std::map<uint64_t, std::string> references;
};

Code find_code(const llvm::object::ObjectFile& object, const std::string& name) {
  for (const llvm::object::ELFSymbolRef symbol : llvm::object::ELFObjectFileBase::elf_symbol_iterator_range(
           llvm::object::elf_symbol_iterator(object.symbol_begin()), llvm::object::elf_symbol_iterator(object.symbol_end()))) {
    if (checked(symbol.getName()) != name) continue;
    auto section = checked(symbol.getSection());
    if (section == object.section_end()) continue;
    uint64_t begin = checked(symbol.getValue()), size = symbol.getSize();
    llvm::StringRef contents = checked(section->getContents()).substr(begin, size);
    Code code{.bytes = {reinterpret_cast<const uint8_t*>(contents.data()), contents.size()}, .references = {}};
    for (const auto& relocations : object.sections()) {
      if (checked(relocations.getRelocatedSection()) != section) continue;
      for (const auto& relocation : relocations.relocations()) {
        auto at = relocation.getOffset();
        auto target = relocation.getSymbol();
        if (at < begin || at >= begin + size || target == object.symbol_end()) continue;
        auto text = checked(target->getName());
        if (text.empty()) text = checked(checked(target->getSection())->getName());
        code.references[at - begin] = text.str();
      }
    }
    return code;
  }
  throw internal_error("compiled code has no function '{}'", name);
}

struct Line {
  uint64_t at = 0, end = 0;
  std::string mnemonic, operands;
  bool loads = false, stores = false;
  std::optional<uint64_t> leads_to; // a branch inside the function
};

class Disassembler {
public:
  explicit Disassembler(const Target& target) {
    initialize_llvm();
    std::string triple = llvm_triple(target), error;
    const llvm::Target* description = llvm::TargetRegistry::lookupTarget(triple, error);
    TW_CHECK(description, "{}", error);
    registers_.reset(description->createMCRegInfo(triple));
    assembler_.reset(description->createMCAsmInfo(*registers_, triple, llvm::MCTargetOptions()));
    instructions_.reset(description->createMCInstrInfo());
    subtarget_.reset(description->createMCSubtargetInfo(triple, llvm_cpu(target), llvm_features(target)));
    analysis_.reset(description->createMCInstrAnalysis(instructions_.get()));
    context_ = std::make_unique<llvm::MCContext>(llvm::Triple(triple), assembler_.get(), registers_.get(), subtarget_.get());
    disassembler_.reset(description->createMCDisassembler(*subtarget_, *context_));
    constexpr unsigned intel = 1;
    printer_.reset(description->createMCInstPrinter(llvm::Triple(triple), intel, *assembler_, *instructions_, *registers_));
  }

  std::vector<Line> lines(const Code& code) {
    std::vector<Line> out;
    for (uint64_t at = 0; at < code.bytes.size();) {
      llvm::MCInst instruction;
      uint64_t size = 0;
      auto status = disassembler_->getInstruction(instruction, size, code.bytes.slice(at), at, llvm::nulls());
      if (status != llvm::MCDisassembler::Success) throw internal_error("compiled code has an unknown instruction at {:#x}", at);
      out.push_back(line(instruction, at, size, code.bytes.size()));
      auto reference = code.references.lower_bound(at);
      if (reference != code.references.end() && reference->first < at + size) {
        if (out.back().mnemonic == "call" || out.back().mnemonic == "jmp") out.back().operands = reference->second;
        else out.back().operands += "  # " + reference->second;
      }
      at += size;
    }
    return out;
  }

private:
  Line line(const llvm::MCInst& instruction, uint64_t at, uint64_t size, uint64_t code_size) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    printer_->printInst(&instruction, at, "", *subtarget_, stream);
    llvm::StringRef words = llvm::StringRef(text).ltrim();
    size_t cut = words.find_first_of(" \t");
    Line out{
        .at = at, .end = at + size, .mnemonic = words.substr(0, cut).str(), .operands = words.substr(cut).ltrim().str(), .leads_to = {}};
    const llvm::MCInstrDesc& description = instructions_->get(instruction.getOpcode());
    bool memory = out.operands.find('[') != std::string::npos && !out.mnemonic.starts_with("prefetch");
    out.loads = memory && description.mayLoad(), out.stores = memory && description.mayStore();
    uint64_t target = 0;
    if (description.isBranch() && analysis_->evaluateBranch(instruction, at, size, target) && target < code_size) out.leads_to = target;
    return out;
  }

  std::unique_ptr<llvm::MCRegisterInfo> registers_;
  std::unique_ptr<llvm::MCAsmInfo> assembler_;
  std::unique_ptr<llvm::MCInstrInfo> instructions_;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget_;
  std::unique_ptr<llvm::MCInstrAnalysis> analysis_;
  std::unique_ptr<llvm::MCContext> context_;
  std::unique_ptr<llvm::MCDisassembler> disassembler_;
  std::unique_ptr<llvm::MCInstPrinter> printer_;
};

bool multiplies_and_adds(const std::string& mnemonic) {
  return std::ranges::any_of(std::initializer_list<const char*>{"fmadd", "fmsub", "fnmadd", "fnmsub", "vpdp", "dpbf16"},
                             [&](const char* part) { return mnemonic.find(part) != std::string::npos; });
}

// From the target of a branch back to that branch, with no other such stretch inside; by where it begins.
std::map<uint64_t, LoopCounts> innermost_loops(const std::vector<Line>& lines) {
  std::map<uint64_t, uint64_t> ends;
  for (const Line& l : lines)
    if (l.leads_to && *l.leads_to <= l.at) ends[*l.leads_to] = l.at;
  bool frame = std::ranges::any_of(lines, [](const Line& l) { return l.mnemonic == "mov" && l.operands == "rbp, rsp"; });
  auto on_stack = [&](const Line& l) {
    return l.operands.find("[rsp") != std::string::npos || (frame && l.operands.find("[rbp") != std::string::npos);
  };
  std::map<uint64_t, LoopCounts> out;
  for (auto [begin, end] : ends) {
    auto inner = ends.upper_bound(begin);
    if (inner != ends.end() && inner->first <= end) continue;
    LoopCounts& counts = out[begin];
    for (const Line& l : lines) {
      if (l.at < begin || l.at > end) continue;
      ++counts.instructions;
      counts.multiply_adds += multiplies_and_adds(l.mnemonic);
      counts.loads += l.loads;
      counts.stores += l.stores;
      counts.stack += (l.loads || l.stores) && on_stack(l);
    }
  }
  return out;
}

} // namespace

std::string LoopCounts::text() const {
  return fmt::format("{} instructions: {} multiply-adds, {} loads, {} stores, {} of these on the stack", instructions, multiply_adds, loads,
                     stores, stack);
}

Assembly disassemble(std::span<const char> object, const std::string& symbol, const Target& target) {
  llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), symbol);
  auto file = checked(llvm::object::ObjectFile::createObjectFile(buffer));
  auto lines = Disassembler(target).lines(find_code(*file, symbol));
  auto loops = innermost_loops(lines);
  std::map<uint64_t, std::string> labels;
  for (const Line& l : lines)
    if (l.leads_to) labels.emplace(*l.leads_to, "");
  for (int number = 0; auto& [at, label] : labels) label = fmt::format("L{}", ++number);
  Assembly out;
  for (auto& [at, counts] : loops) {
    counts.label = labels.at(at);
    out.loops.push_back(counts);
  }
  std::ranges::stable_sort(out.loops, std::greater<>(), [](const LoopCounts& l) { return std::pair(l.multiply_adds, l.instructions); });
  out.text = symbol + ":\n";
  for (const Line& l : lines) {
    if (auto label = labels.find(l.at); label != labels.end()) {
      auto loop = loops.find(l.at);
      out.text +=
          loop == loops.end() ? label->second + ":\n" : fmt::format("{}:  # innermost loop, {}\n", label->second, loop->second.text());
    }
    std::string operands = l.leads_to ? labels.at(*l.leads_to) : l.operands;
    out.text += operands.empty() ? fmt::format("    {}\n", l.mnemonic) : fmt::format("    {:<12} {}\n", l.mnemonic, operands);
  }
  return out;
}

} // namespace tw::codegen
