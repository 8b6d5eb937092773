// The CPU backend: a Program with its Plan becomes native code behind one entry point, linked into this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::cpu {

struct CpuOptions {
  int optimization = 2;  ///< 0: no passes; 1: cheap; 2: the default; 3: LLVM's most aggressive code generation
  std::string cpu;       ///< LLVM's name of the processor; empty: this one
  std::string features;  ///< LLVM's feature string, "+avx2,-avx512f"; empty: this processor's
  int vector_bits = 0;   ///< the widest vector that instructions may use; 0: the plan's, or the target's
  int threads = 1;       ///< threads that one run may use, the caller's included; 0: one for each core
  bool profile = false;  ///< count the time of loops and routines
};

/// What a compilation cost.
struct CompileStatistics {
  double emit_milliseconds = 0;      ///< Program to LLVM IR
  double optimize_milliseconds = 0;  ///< passes over LLVM IR
  double generate_milliseconds = 0;  ///< LLVM IR to machine code
};

/// The widest vector, in bits, that this processor runs at full speed (128 where nothing is known).
int host_vector_bits();
/// LLVM's name of this processor: "znver4".
std::string host_name();

/// Machine code of a Program, with what running it takes. It runs in every process on a processor of the same
/// target_name(), so it may be stored.
struct CpuObject {
  std::string code;  ///< an object file
  std::size_t input_count = 0;
  std::size_t output_count = 0;
  std::int64_t scratch_bytes = 0;
  std::vector<Array> constants;
  ir::NodeId profiled_nodes = 0;  ///< with CpuOptions::profile: nodes of the program
};

/// The time that a node took in all runs so far.
struct NodeTime {
  std::uint64_t calls = 0;
  double milliseconds = 0;
};

/// Makes machine code. Throws Error where the program needs something that the CPU lacks, by name; InternalError when
/// the plan contradicts the program.
CpuObject compile(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options = {},
                  CompileStatistics* statistics = nullptr);
/// LLVM's version and the processor that code is made for: name and features.
std::string target_name(const CpuOptions& options = {});

/// The LLVM module after the passes, as text.
std::string llvm_ir(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options = {});
/// The machine code, as text for this target's assembler. `describe` gives the comment for code that comes from an
/// equation at a place in the source; where it is empty, nothing is said.
std::string assembly(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options = {},
                     const std::function<std::string(ir::Location)>& describe = {});

/// A compiled Program: immutable, callable from many threads at once.
class CpuExecutable {
 public:
  /// Links the code into this process. Throws InternalError where the object file is none. `threads` as CpuOptions
  /// says.
  explicit CpuExecutable(CpuObject object, int threads = 1);
  /// Makes code and links it.
  CpuExecutable(const ir::Program& program, const ir::Plan& plan, const CpuOptions& options = {})
      : CpuExecutable(compile(program, plan, options), options.threads) {}
  ~CpuExecutable();
  CpuExecutable(CpuExecutable&&) noexcept;
  CpuExecutable& operator=(CpuExecutable&&) noexcept;

  /// Runs the program once. `inputs` and `outputs` point at dense row-major arrays in the program's order; outputs
  /// overlap nothing. Allocates only when more calls run at once than ever before. Throws Error for a wrong count.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const;

  /// With CpuOptions::profile: by node, for the outermost nodes, loops and routines; of others, no calls. Else empty.
  std::vector<NodeTime> profile() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jaxc::cpu
