// jaxc's public API: read a program, compile it for a backend, ask about it, run it.
//
//   auto program = jaxc::Program::load("model.jaxpr");
//   auto model = jaxc::compile(program, {.backend = jaxc::Backend::cpu});
//   std::vector<jaxc::Array> results = model.run(inputs);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jaxc/array.h"
#include "jaxc/error.h"
#include "jaxc/safetensors.h"
#include "jaxc/types.h"

namespace jaxc {

/// What runs a program.
enum class Backend : std::uint8_t {
  cpu,        ///< native code for this machine
  gpu,        ///< SPIR-V on a Vulkan device
  reference,  ///< the interpreter of the compiler's loop form, with race and storage checks
  evaluator,  ///< the naive evaluator of the jaxpr: the slowest, and the plainest
};

/// "cpu", "gpu", "reference", "eval".
std::string_view name(Backend backend);
/// The backend of that name. Throws Error with the list of names.
Backend backend_from_name(std::string_view name);

/// A program: an immutable, verified jaxpr with the values of its constants. Copies share it.
class Program {
 public:
  /// Parses and verifies a jaxpr's text. `origin` names it in errors. Throws Error with line and column.
  static Program parse(std::string_view text, std::string origin = "<text>");
  /// Reads a .jaxpr file. With constants, gives them values from the .safetensors file beside it (const0, ...).
  static Program load(const std::string& path);
  /// The same program with these values for its constants (const0, const1, ... of a data file).
  /// Throws Error unless their types match.
  Program with_constants(std::vector<Array> constants) const;
  /// The same, taking const0, const1, ... and what else an exporter records (threefry_partitionable).
  Program with_data(const Safetensors& data) const;

  const std::vector<Type>& constants() const;
  const std::vector<Type>& inputs() const;
  const std::vector<Type>& outputs() const;
  /// The text in JAX's grammar.
  std::string text() const;

  struct State;
  const State& state() const { return *state_; }

 private:
  explicit Program(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

struct CompileOptions {
  Backend backend = Backend::cpu;
  /// Every outermost loop must take this path ("fused", "registers" or "workgroup"); an Error otherwise.
  std::string require_path = {};
  /// JAX's flag of that name; unset: what the program's data says, else true.
  std::optional<bool> threefry_partitionable = std::nullopt;
  /// Number of the Vulkan device; -1: the best one.
  int device = -1;
  /// GPU: run under the Khronos validation layers; what they say becomes an Error.
  bool validate = false;
  /// Reference: the order of parallel iterations.
  std::uint64_t seed = 0;
  /// CPU: threads that one run may use, the caller's included; 0: one for each core. Results do not depend on it.
  int threads = 0;
  /// CPU: a folder that keeps machine code for other processes, made on demand with mode 0700; empty: none. One that
  /// cannot be written, or that others may write to, is left alone.
  std::string cache_folder = {};
  /// The most that the folder may hold; the longest unused code goes first.
  std::int64_t cache_bytes = std::int64_t{256} << 20;
  /// CPU: time the loops and routines of every run, for Executable::profile(). Nothing is then taken from the cache.
  bool profile = false;
  /// False: stop before the CPU's machine code. The Executable can be asked and dumped, and not run.
  bool make_code = true;
  /// Is told each pass of the compiler, what holds after it, and the form that it made. Nothing is then taken from the
  /// cache.
  std::function<void(std::string_view pass, std::string_view holds, const std::string& form)> observe_passes = {};
};

/// How one scan, while or associative_scan runs, and on the CPU one large product or routine.
struct LoopReport {
  std::string primitive;   ///< or "product", or a routine's name
  std::uint32_t line = 0;  ///< of its equation
  int depth = 0;           ///< loops around it
  std::string path;        ///< "fused", "registers" or "workgroup"; of products and routines "library" or "generated"
  std::string reason;

  bool is_loop() const { return path != "library" && path != "generated"; }
};

/// Memory of one run in bytes, its inputs, outputs and constants left out.
struct MemoryReport {
  std::int64_t planned = 0;  ///< what the plan sets aside
  std::int64_t live = 0;     ///< the largest set of values that are needed at one time: no plan can do with less
};

/// A form that the compiler can show.
enum class Stage : std::uint8_t { jaxpr, simplified, program, plan, llvm, assembly, spirv };
/// "jaxpr", "simplified", "program", "plan", "llvm", "asm", "spirv".
std::string_view name(Stage stage);
/// The stage of that name. Throws Error with the list of names.
Stage stage_from_name(std::string_view name);

/// The time that one pass of the compiler took.
struct PassTime {
  std::string pass;
  double milliseconds = 0;
};

/// The time that one step of a program took in all runs so far.
struct StepTime {
  std::string name;      ///< of the loop or routine: "scan", "cholesky"; "nest", "branch" or "reshape" for others
  std::string equation;  ///< the equation that it comes from, where one is known
  int depth = 0;         ///< steps around it
  std::uint64_t calls = 0;
  double milliseconds = 0;
};

/// A compiled program. Immutable; may be run from many threads at once. Copies share it.
class Executable {
 public:
  const std::vector<Type>& inputs() const;
  const std::vector<Type>& outputs() const;
  Backend backend() const;
  const std::vector<LoopReport>& loops() const;
  /// Zero where there is no plan, as in the evaluator.
  MemoryReport memory() const;
  /// The steps of the compiler in order; a program from the cache took "read cache" and "link".
  const std::vector<PassTime>& compile_times() const;
  /// Runs on arrays. Throws Error when their number or types do not match.
  std::vector<Array> run(std::span<const Array> inputs) const;
  /// Runs on plain memory in row-major order: byte_count(type) bytes each, aligned to the element's size.
  /// Outputs must not overlap inputs or each other. Allocates nothing on the CPU after the first call.
  void run_into(std::span<const void* const> inputs, std::span<void* const> outputs) const;
  /// With CompileOptions::profile: the outermost steps, loops and routines that have run, in order, outer before inner.
  std::vector<StepTime> profile() const;
  /// The program in one of the compiler's forms. Throws Error for forms that the backend does not make.
  std::string dump(Stage stage) const;

  struct State;

 private:
  friend Executable compile(const Program&, const CompileOptions&);
  explicit Executable(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// Compiles a program. Throws Error, naming the equation, for what the backend cannot run.
Executable compile(const Program& program, const CompileOptions& options = {});

/// A device that programs can run on.
struct Device {
  Backend backend = Backend::cpu;
  int number = 0;  ///< CompileOptions::device, for GPUs
  std::string name;
  std::string description;  ///< driver and features
};

/// The CPU, and every Vulkan device.
std::vector<Device> devices();
/// Why there is no GPU, in words; empty when there is one.
std::string gpu_absence();

/// How complete the table of primitives is: primitives in all, and those whose rule of each kind is missing.
struct PrimitiveGap {
  std::string rule;  ///< "evaluate", "lower", "batch", ...
  std::vector<std::string> primitives;
};
std::size_t primitive_total();
std::vector<PrimitiveGap> primitive_gaps();

}  // namespace jaxc
