// What Program and Executable hold, and what every backend offers to a session.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/jaxpr.h"
#include "jaxc/jaxc.h"

namespace jaxc {

struct Program::State {
  std::string origin;
  ir::Jaxpr jaxpr;
  std::vector<Type> constants;
  std::vector<Type> inputs;
  std::vector<Type> outputs;
  std::vector<Array> constant_values;  ///< empty until given
  std::optional<bool> threefry_partitionable;
};

namespace session {

/// A program made ready by one backend. Immutable and safe to run from many threads.
class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  virtual void run(std::span<const void* const> inputs, std::span<void* const> outputs) const = 0;
  /// The backend's own forms (llvm, asm, spirv). Throws Error for others.
  virtual std::string dump(Stage stage) const = 0;
  virtual MemoryReport memory() const { return {}; }

  virtual std::vector<StepTime> profile() const { return {}; }

  std::vector<LoopReport> loops;
  std::vector<PassTime> times;
};

/// The program, its constants' values and the options, as each backend's maker takes them.
struct Request {
  const Program::State& program;
  const CompileOptions& options;
  bool threefry_partitionable = true;
};

std::unique_ptr<Runner> make_evaluator(const Request& request);
std::unique_ptr<Runner> make_reference(const Request& request);
std::unique_ptr<Runner> make_cpu(const Request& request);
std::unique_ptr<Runner> make_gpu(const Request& request);

/// Every Vulkan device, and why there is none.
std::vector<Device> gpu_devices();
std::string why_no_gpu();

/// Arrays around plain memory, for backends that work on arrays.
std::vector<Array> to_arrays(std::span<const Type> types, std::span<const void* const> memory);
void copy_out(std::span<const Array> arrays, std::span<void* const> memory);

}  // namespace session

struct Executable::State {
  Backend backend = Backend::cpu;
  std::vector<Type> inputs;
  std::vector<Type> outputs;
  std::unique_ptr<session::Runner> runner;
};

}  // namespace jaxc
