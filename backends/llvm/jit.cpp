// Links an object file into this process with LLVM's ORC.
#include "backends/llvm/jit.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/TargetParser/Host.h>

#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

void require(llvm::Error error) {
  if (error) throw InternalError(fmt::format("llvm: {}", llvm::toString(std::move(error))));
}

template <typename T>
T take(llvm::Expected<T> value) {
  if (!value) require(value.takeError());
  return std::move(*value);
}

/// What the object format puts in front of C's names.
char name_prefix() {
  return llvm::Triple(llvm::sys::getProcessTriple()).isOSBinFormatMachO() ? '_' : '\0';
}

}  // namespace

/// The linking layer alone, without LLJIT, which would look at the host and make a compiler for it.
struct LoadedObject::State {
  llvm::orc::ExecutionSession session{take(llvm::orc::SelfExecutorProcessControl::Create())};
  llvm::orc::JITDylib& library{session.createBareJITDylib("jaxc")};
  llvm::orc::ObjectLinkingLayer linker{session, session.getExecutorProcessControl().getMemMgr()};

  ~State() { llvm::consumeError(session.endSession()); }

  llvm::orc::SymbolStringPtr intern(std::string name) {
    if (name_prefix() != '\0') name.insert(name.begin(), name_prefix());
    return session.intern(name);
  }
};

LoadedObject::LoadedObject(std::string_view object) : state_(std::make_unique<State>()) {
  state_->library.addGenerator(take(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(name_prefix())));
  llvm::orc::SymbolMap symbols;
  for (const RuntimeEntry& entry : runtime_entries())
    symbols[state_->intern(std::string(entry.name))] = {llvm::orc::ExecutorAddr::fromPtr(entry.address),
                                                        llvm::JITSymbolFlags::Exported};
  require(state_->library.define(llvm::orc::absoluteSymbols(std::move(symbols))));
  require(state_->linker.add(
      state_->library, llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()), "program")));
  entry_ = reinterpret_cast<EntryPoint>(find(entry_name));
}

LoadedObject::~LoadedObject() = default;

void* LoadedObject::find(const char* name) const {
  return take(state_->session.lookup({&state_->library}, state_->intern(name))).getAddress().toPtr<void*>();
}

}  // namespace jaxc::cpu
