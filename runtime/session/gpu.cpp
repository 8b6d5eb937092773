// The session's GPU backend: SPIR-V through Vulkan.
#ifdef JAXC_HAS_VULKAN

#include "compiler/plan/gpu.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "backends/spirv/spirv.h"
#include "runtime/session/compiled.h"

namespace jaxc::session {

namespace {

compiler::GpuPlanOptions plan_options(const spirv::DeviceDescription& device) {
  compiler::GpuPlanOptions options;
  options.workgroup_size = std::min(options.workgroup_size, device.workgroup_size);
  options.shared_bytes = std::min(options.shared_bytes, device.shared_bytes);
  return options;
}

/// Devices that are open. They stay so for the process's life: opening one takes a tenth of a second, and some
/// drivers can be loaded only some thirty times in one process.
class OpenDevices {
 public:
  std::shared_ptr<const spirv::Device> get(const CompileOptions& options) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const spirv::Device>& device = devices_[{options.device, options.validate}];
    if (device == nullptr) {
      spirv::DeviceOptions chosen;
      if (options.device >= 0) chosen.index = options.device;
      chosen.validation = options.validate;
      device = spirv::open_device(chosen);
    }
    return device;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<int, bool>, std::shared_ptr<const spirv::Device>> devices_;
};

std::shared_ptr<const spirv::Device> open(const CompileOptions& options) {
  static auto* const devices = new OpenDevices;  // never destroyed: drivers may be gone when statics are
  return devices->get(options);
}

class GpuRunner final : public CompiledRunner {
 public:
  GpuRunner(const Request& request, std::shared_ptr<const spirv::Device> device)
      : CompiledRunner(request,
                       [&](const ir::Program& program) {
                         return compiler::plan_gpu(program, plan_options(spirv::describe(*device)));
                       }),
        device_(std::move(device)),
        executable_(device_, compilation().program, compilation().plan) {
    const spirv::CompileStatistics& statistics = executable_.statistics();
    record_time("emit SPIR-V", statistics.emit_milliseconds);
    record_time("make pipelines", statistics.pipeline_milliseconds);
    require_silence();
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs) const override {
    executable_.run(inputs, outputs);
    require_silence();
  }

 private:
  std::string dump_own(Stage stage) const override {
    if (stage == Stage::spirv) return executable_.spirv();
    refuse(Backend::gpu, stage);
  }

  // What the validation layer says is jaxc's mistake.
  void require_silence() const {
    const std::vector<std::string> messages = spirv::validation_messages(*device_);
    if (!messages.empty()) throw InternalError(fmt::format("gpu: the validation layer says: {}", messages.front()));
  }

  std::shared_ptr<const spirv::Device> device_;
  spirv::GpuExecutable executable_;
};

}  // namespace

std::unique_ptr<Runner> make_gpu(const Request& request) {
  return std::make_unique<GpuRunner>(request, open(request.options));
}

std::vector<Device> gpu_devices() {
  std::vector<Device> devices;
  for (const spirv::DeviceDescription& device : spirv::devices()) {
    std::string description = fmt::format("{}, {}", device.type, device.driver);
    if (!device.missing.empty())
      description += fmt::format("; cannot be used: lacks {}", fmt::join(device.missing, ", "));
    devices.push_back({Backend::gpu, device.index, device.name, std::move(description)});
  }
  return devices;
}

std::string why_no_gpu() {
  return spirv::devices().empty()
             ? "no Vulkan device was found; install its driver, or mesa-vulkan-drivers for one on the CPU"
             : "";
}

}  // namespace jaxc::session

#else

#include "runtime/session/state.h"

namespace jaxc::session {

namespace {
constexpr std::string_view absence = "this build of jaxc has no Vulkan backend; build with -DJAXC_VULKAN=ON";
}

std::unique_ptr<Runner> make_gpu(const Request&) {
  throw Error(std::string("gpu: ") + std::string(absence));
}
std::vector<Device> gpu_devices() {
  return {};
}
std::string why_no_gpu() {
  return std::string(absence);
}

}  // namespace jaxc::session

#endif
