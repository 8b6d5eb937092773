// The CPU backend: a Program with its Plan becomes one native function, compiled in this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::cpu {

struct CpuOptions {
  int optimization = 2;      ///< 0: no passes; 1: cheap; 2: the default; 3: LLVM's most aggressive code generation
  std::string cpu;           ///< LLVM's name of the processor; empty: this one
  std::string features;      ///< LLVM's feature string, "+avx2,-avx512f"; empty: this processor's
  int vector_bits = 0;       ///< the widest vector that instructions may use; 0: the plan's, or the target's
  int threads = 1;           ///< threads that one run may use
  bool keep_sources = true;  ///< keep Program and Plan for llvm_ir() and assembly()
};

/// What a compilation cost.
struct CompileStatistics {
  double emit_milliseconds = 0;      ///< Program to LLVM IR
  double optimize_milliseconds = 0;  ///< passes over LLVM IR
  double generate_milliseconds = 0;  ///< LLVM IR to machine code
  double link_milliseconds = 0;      ///< machine code into this process
  std::size_t ir_instructions = 0;   ///< after the passes
  std::size_t object_bytes = 0;
};

/// The widest vector, in bits, that this processor runs at full speed (128 where nothing is known).
int host_vector_bits();
/// LLVM's name of this processor: "znver4".
std::string host_name();

/// A compiled Program: immutable, callable from many threads at once.
class CpuExecutable {
 public:
  /// Compiles. Throws Error where the program needs something that the CPU lacks, by name; InternalError when the
  /// plan contradicts the program.
  CpuExecutable(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options = {});
  ~CpuExecutable();
  CpuExecutable(CpuExecutable&&) noexcept;
  CpuExecutable& operator=(CpuExecutable&&) noexcept;

  /// Runs the program once. `inputs` and `outputs` point at dense row-major arrays in the program's order; outputs
  /// overlap nothing. Allocates only when more calls run at once than ever before. Throws Error for a wrong count.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const;

  /// The module after the passes, as text. Throws Error unless sources were kept.
  std::string llvm_ir() const;
  /// The machine code, as text for this target's assembler. Throws Error unless sources were kept.
  std::string assembly() const;
  const CompileStatistics& statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jaxc::cpu
