// Links an object file into this process with LLVM's ORC.
#include "backends/llvm/jit.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>

#include "jaxc/error.h"

namespace jaxc::cpu {

namespace {

template <typename T>
T take(llvm::Expected<T> value) {
  if (!value) throw InternalError(fmt::format("llvm: {}", llvm::toString(value.takeError())));
  return std::move(*value);
}

}  // namespace

struct LoadedObject::State {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

LoadedObject::LoadedObject(llvm::ArrayRef<char> object) : state_(std::make_unique<State>()) {
  state_->jit = take(llvm::orc::LLJITBuilder().create());
  llvm::orc::LLJIT& jit = *state_->jit;
  jit.getMainJITDylib().addGenerator(
      take(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(jit.getDataLayout().getGlobalPrefix())));
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()), "program");
  if (llvm::Error error = jit.addObjectFile(std::move(buffer)))
    throw InternalError(fmt::format("llvm: {}", llvm::toString(std::move(error))));
  entry_ = take(jit.lookup(entry_name)).toPtr<EntryPoint>();
}

LoadedObject::~LoadedObject() = default;

}  // namespace jaxc::cpu
