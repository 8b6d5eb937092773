// The GPU backend: devices, and Programs with GPU Plans compiled to SPIR-V kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/plan.h"
#include "ir/program.h"
#include "jaxc/array.h"

namespace jaxc::spirv {

/// What a GPU (or a CPU that acts as one) is and offers.
struct DeviceDescription {
  int index = 0;
  std::string name;
  std::string type;    ///< "discrete", "integrated", "virtual", "cpu", "other"
  std::string driver;  ///< name and version
  /// Required features that it lacks; it can be used when this is empty.
  std::vector<std::string> missing;

  bool int8 = false;                ///< 8-bit integers in arithmetic and memory
  bool int16 = false;               ///< 16-bit integers in arithmetic and memory
  bool float64 = false;             ///< f64
  bool fused_multiply_add = false;  ///< GLSL.std.450 Fma rounds once
  bool round_to_nearest_f32 = false;
  bool round_to_nearest_f64 = false;
  bool preserve_special_f32 = false;
  bool preserve_special_f64 = false;
  std::int64_t shared_bytes = 0;    ///< of a workgroup
  std::int64_t workgroup_size = 0;  ///< invocations, at most
  std::int64_t group_count = 0;     ///< workgroups along one axis, at most
  std::int64_t subgroup_size = 1;
  bool fixed_subgroup_size = false;   ///< every workgroup of at most subgroup_size is one subgroup
  std::int64_t allocation_bytes = 0;  ///< of one buffer, at most
  /// Back-edges an invocation may take in one dispatch, all its loops together; 0 when there is no limit.
  /// lavapipe ends loops without a word after 65,535.
  std::int64_t loop_limit = 0;
  /// 64-bit integers are ordered by halves: lavapipe 22.3.6 gets the order of a widened number and another one wrong
  /// once it finds out that the number is widened.
  bool orders_by_halves = false;
  /// Steps after which a loop is cut into another dispatch, so that a desktop's watchdog stays calm; 0 for none.
  std::int64_t chunk_steps = 0;
};

struct DeviceOptions {
  /// The device's index in `devices()`; without it the first of: discrete, integrated, virtual, cpu.
  std::optional<int> index;
  /// Runs the Khronos validation layer and keeps its messages.
  bool validation = false;
};

/// All Vulkan devices of this machine; empty where there are none or no loader's driver.
std::vector<DeviceDescription> devices();

class Device;

/// Opens a device. Throws Error when there is none, or it lacks a required feature.
std::shared_ptr<const Device> open_device(const DeviceOptions& options = {});
const DeviceDescription& describe(const Device& device);
/// What the validation layer has said so far.
std::vector<std::string> validation_messages(const Device& device);

/// What a compilation cost.
struct CompileStatistics {
  double emit_milliseconds = 0;      ///< Program to validated SPIR-V
  double pipeline_milliseconds = 0;  ///< SPIR-V to the device's code, by its driver
};

/// A Program compiled for a device: immutable, callable from many threads at once.
class GpuExecutable {
 public:
  /// Compiles. Throws Error for what the device cannot run; InternalError when the plan contradicts the program.
  GpuExecutable(std::shared_ptr<const Device> device, const ir::Program& program, const ir::Plan& plan);
  ~GpuExecutable();
  GpuExecutable(GpuExecutable&&) noexcept;
  GpuExecutable& operator=(GpuExecutable&&) noexcept;

  /// Runs the program once, in one submission for each loop with a condition and one more. `inputs` and `outputs`
  /// point at dense row-major arrays in the program's order. Throws Error for a wrong count, and when the device
  /// ended a loop early.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const;

  /// All kernels as SPIR-V text.
  std::string spirv() const;
  const CompileStatistics& statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jaxc::spirv
