// A Vulkan device as the backend uses it: buffers with addresses, kernels, and one submission at a time.
#pragma once

#include <vulkan/vulkan.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/spirv/spirv.h"

namespace jaxc::spirv {

/// Throws Error with Vulkan's name of the result unless it is a success.
void check(VkResult result, std::string_view what);
std::string_view result_name(VkResult result);

/// The loaded Vulkan instance. With `validation`, the Khronos layer watches and its messages are kept.
class Instance {
 public:
  explicit Instance(bool validation);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  VkInstance handle() const { return instance_; }
  std::vector<VkPhysicalDevice> physical_devices() const;
  /// What the validation layer has said so far.
  std::vector<std::string> messages() const;
  void record(std::string message);

 private:
  VkInstance instance_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
};

/// What a physical device offers, read once.
DeviceDescription describe(VkPhysicalDevice device, int index);

class Device;

/// What a buffer's memory is for.
enum class MemoryUse : std::uint8_t { device, upload, download };

/// Memory of a device with an address; host visible unless it is for the device only.
class Memory {
 public:
  Memory() = default;
  Memory(const Device& device, std::int64_t bytes, MemoryUse use);
  ~Memory();
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;

  VkBuffer buffer() const { return buffer_; }
  std::uint64_t address() const { return address_; }
  std::int64_t size() const { return size_; }
  /// Empty for device memory.
  std::span<std::byte> bytes() const { return {mapped_, mapped_ == nullptr ? 0 : static_cast<std::size_t>(size_)}; }
  /// Makes what the host wrote visible to the device, or the reverse; no work where memory is coherent.
  void flush() const;
  void invalidate() const;

 private:
  void release();
  const Device* device_ = nullptr;
  VkBuffer buffer_ = VK_NULL_HANDLE;
  VkDeviceMemory memory_ = VK_NULL_HANDLE;
  std::byte* mapped_ = nullptr;
  std::uint64_t address_ = 0;
  std::int64_t size_ = 0;
  bool coherent_ = true;
};

/// A compiled compute kernel.
class Kernel {
 public:
  Kernel(const Device& device, std::span<const std::uint32_t> words, std::uint32_t push_constant_words);
  ~Kernel();
  Kernel(Kernel&& other) noexcept;
  Kernel& operator=(Kernel&& other) = delete;
  VkPipeline pipeline() const { return pipeline_; }
  VkPipelineLayout layout() const { return layout_; }

 private:
  const Device* device_;
  VkPipelineLayout layout_ = VK_NULL_HANDLE;
  VkPipeline pipeline_ = VK_NULL_HANDLE;
};

/// Commands recorded for one submission. Each command is ordered after all that stand before it, unless
/// they are copies, which are ordered as a group.
class Commands {
 public:
  explicit Commands(const Device& device);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  void copy(const Memory& source, std::int64_t source_offset, const Memory& target, std::int64_t target_offset,
            std::int64_t bytes);
  /// Sets `bytes` (a multiple of 4) to a repeated word.
  void fill(const Memory& target, std::int64_t offset, std::int64_t bytes, std::uint32_t word);
  void dispatch(const Kernel& kernel, std::span<const std::uint64_t> push_constants, std::uint32_t groups_x,
                std::uint32_t groups_y = 1);
  /// Submits what was recorded, waits until it is done, and is ready to record again.
  void submit_and_wait();

 private:
  enum class Stage : std::uint8_t { none, transfer, compute };
  void begin();
  void order(Stage next);
  const Device& device_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkCommandBuffer buffer_ = VK_NULL_HANDLE;
  VkFence fence_ = VK_NULL_HANDLE;
  Stage last_ = Stage::none;
  bool recording_ = false;
};

/// A logical device with one compute queue. Safe to use from many threads; each records its own Commands.
class Device {
 public:
  /// Throws Error when there is no such device or it lacks a required feature.
  explicit Device(const DeviceOptions& options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceDescription& description() const { return description_; }
  VkDevice handle() const { return device_; }
  std::uint32_t queue_family() const { return queue_family_; }
  VkPipelineCache pipeline_cache() const { return cache_; }
  const VkPhysicalDeviceMemoryProperties& memory_properties() const { return memory_properties_; }
  std::vector<std::string> validation_messages() const { return instance_.messages(); }
  void submit(VkCommandBuffer commands, VkFence fence) const;

 private:
  Instance instance_;
  DeviceDescription description_;
  VkPhysicalDevice physical_ = VK_NULL_HANDLE;
  VkPhysicalDeviceMemoryProperties memory_properties_{};
  std::uint32_t queue_family_ = 0;
  VkDevice device_ = VK_NULL_HANDLE;
  VkQueue queue_ = VK_NULL_HANDLE;
  VkPipelineCache cache_ = VK_NULL_HANDLE;
  mutable std::mutex queue_mutex_;
};

}  // namespace jaxc::spirv
