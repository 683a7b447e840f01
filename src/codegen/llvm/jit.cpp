// SPDX-License-Identifier: Apache-2.0
// The ORC layers without a compile layer: a session, one library, JITLink. No thread pool and no dispatcher, so loading happens on the
// calling thread during the first lookup, which the constructor does.
#include "codegen/llvm/jit.h"

#include "base/diagnostics.h"
#include "codegen/llvm/imported_symbols.h"

#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectFileInterface.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>

#include <mutex>

namespace tw::codegen {
namespace {

namespace orc = llvm::orc;

template <class T> T checked(llvm::Expected<T> value) {
  if (!value) throw internal_error("loading compiled code failed: {}", llvm::toString(value.takeError()));
  return std::move(*value);
}
void check(llvm::Error error) {
  if (error) throw internal_error("loading compiled code failed: {}", llvm::toString(std::move(error)));
}

} // namespace

struct JitCode::State {
  State()
      : session(checked(orc::SelfExecutorProcessControl::Create(nullptr, std::make_unique<orc::InPlaceTaskDispatcher>()))), layer(session) {
    session.setErrorReporter([this](llvm::Error error) {
      std::lock_guard lock(mutex);
      reported += llvm::toString(std::move(error)) + "; ";
    });
  }
  ~State() { llvm::consumeError(session.endSession()); }

  // The layer's own reports say more than the error of a lookup ("symbols not found: …" against "failed to materialize").
  void fail(const std::string& text) { throw internal_error("loading compiled code failed: {}{}", reported, text); }

  orc::ExecutionSession session;
  orc::ObjectLinkingLayer layer;
  orc::JITDylib* library = nullptr;
  orc::SymbolMap found;
  std::mutex mutex;
  std::string reported;
};

namespace {

orc::SymbolMap known_symbols(orc::ExecutionSession& session, const std::map<std::string, const void*>& definitions) {
  orc::SymbolMap symbols;
  auto flags = llvm::JITSymbolFlags::Exported;
  for (const ImportedSymbol& symbol : imported_symbols())
    symbols[session.intern(symbol.name)] = {orc::ExecutorAddr::fromPtr(symbol.address), flags};
  for (const auto& [name, address] : definitions) symbols[session.intern(name)] = {orc::ExecutorAddr::fromPtr(address), flags};
  return symbols;
}

} // namespace

JitCode::JitCode(std::span<const ObjectBytes> objects, const std::map<std::string, const void*>& definitions)
    : state_(std::make_unique<State>()) {
  orc::ExecutionSession& session = state_->session;
  state_->library = &session.createBareJITDylib("kernels");
  check(state_->library->define(orc::absoluteSymbols(known_symbols(session, definitions))));
  orc::SymbolLookupSet wanted;
  for (const ObjectBytes& bytes : objects) {
    auto buffer = llvm::MemoryBuffer::getMemBuffer(llvm::StringRef(bytes.data(), bytes.size()), "object", /*RequiresNullTerminator=*/false);
    auto interface = checked(orc::getObjectFileInterface(session, buffer->getMemBufferRef()));
    for (const auto& [name, flags] : interface.SymbolFlags) wanted.add(name);
    check(state_->layer.add(*state_->library, std::move(buffer), std::move(interface)));
  }
  auto found = session.lookup({{state_->library, orc::JITDylibLookupFlags::MatchAllSymbols}}, std::move(wanted));
  if (!found) state_->fail(llvm::toString(found.takeError()));
  state_->found = std::move(*found);
}

JitCode::~JitCode() = default;
JitCode::JitCode(JitCode&&) noexcept = default;
JitCode& JitCode::operator=(JitCode&&) noexcept = default;

void* JitCode::symbol(std::string_view name) const {
  auto found = state_->found.find(state_->session.intern(llvm::StringRef(name.data(), name.size())));
  TW_CHECK(found != state_->found.end(), "compiled code has no symbol '{}'", name);
  return found->second.getAddress().toPtr<void*>();
}

} // namespace tw::codegen
