// LoadedObject: machine code linked into this process.
#pragma once

#include <memory>

#include <string_view>
#include "backends/llvm/runtime/entries.h"

namespace jaxc::cpu {

/// What runs a compiled program; it calls the functions that a long program is cut into.
using EntryPoint = void (*)(const void* const* inputs, void* const* outputs, const void* const* constants,
                            void* scratch, const Runtime* runtime);
/// Its name in the object file.
inline constexpr const char* entry_name = "jaxc_program";

/// Owns the memory of one linked object file.
class LoadedObject {
 public:
  /// Links an object file; symbols it lacks are the runtime's, or come from this process (libm). Throws InternalError
  /// when it cannot.
  explicit LoadedObject(std::string_view object);
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;

  EntryPoint entry() const { return entry_; }
  /// The address of another symbol of the file. Throws InternalError when it has none of that name.
  void* find(const char* name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  EntryPoint entry_ = nullptr;
};

}  // namespace jaxc::cpu
