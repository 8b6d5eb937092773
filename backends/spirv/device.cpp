// Choosing a physical device, and the logical device with its compute queue and pipeline cache.
#include "backends/spirv/device.h"

#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

int preference(const DeviceDescription& description) {
  static constexpr std::string_view order[] = {"discrete", "integrated", "virtual", "cpu"};
  return static_cast<int>(std::find(std::begin(order), std::end(order), description.type) - std::begin(order));
}

/// The chosen device's index among all.
int choose(const std::vector<DeviceDescription>& all, const DeviceOptions& options) {
  if (all.empty()) {
    throw Error(
        "gpu: a program for the GPU needs a Vulkan device, got none on this machine; use the cpu backend or install "
        "a driver (mesa-vulkan-drivers has lavapipe)");
  }
  const auto usable = [&](int index) {
    const auto& missing = all[index].missing;
    return missing.empty();
  };
  if (options.index) {
    if (*options.index < 0 || *options.index >= static_cast<int>(all.size())) {
      throw Error(fmt::format(
          "gpu: a device's index is below the number of devices, got {} and {}; list them with `jaxc devices`",
          *options.index, all.size()));
    }
    if (!usable(*options.index)) {
      throw Error(fmt::format("gpu: a device needs all required features, got {} without {}; choose another device",
                              all[*options.index].name, fmt::join(all[*options.index].missing, ", ")));
    }
    return *options.index;
  }
  int best = -1;
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    if (usable(i) && (best < 0 || preference(all[i]) < preference(all[best]))) best = i;
  }
  if (best < 0) {
    throw Error(fmt::format("gpu: a device needs all required features, got {} without {}; use the cpu backend",
                            all[0].name, fmt::join(all[0].missing, ", ")));
  }
  return best;
}

/// A family that computes; one without graphics where there is one, for it is not shared with a desktop.
std::uint32_t compute_family(VkPhysicalDevice device) {
  std::uint32_t count = 0;
  vkGetPhysicalDeviceQueueFamilyProperties(device, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  vkGetPhysicalDeviceQueueFamilyProperties(device, &count, families.data());
  std::optional<std::uint32_t> any;
  for (std::uint32_t i = 0; i < count; ++i) {
    if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) == 0) continue;
    if ((families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) == 0) return i;
    if (!any) any = i;
  }
  if (!any) throw Error("gpu: a device needs a compute queue, got none; choose another device");
  return *any;
}

}  // namespace

Device::Device(const DeviceOptions& options) : instance_(options.validation) {
  const std::vector<VkPhysicalDevice> physical = instance_.physical_devices();
  std::vector<DeviceDescription> descriptions;
  for (const VkPhysicalDevice device : physical) {
    descriptions.push_back(describe(device, static_cast<int>(descriptions.size())));
  }
  const int chosen = choose(descriptions, options);
  description_ = descriptions[chosen];
  physical_ = physical[chosen];
  queue_family_ = compute_family(physical_);
  vkGetPhysicalDeviceMemoryProperties(physical_, &memory_properties_);

  VkPhysicalDeviceVulkan12Features features12{};
  features12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  features12.bufferDeviceAddress = VK_TRUE;
  features12.vulkanMemoryModel = VK_TRUE;
  features12.scalarBlockLayout = VK_TRUE;
  features12.shaderInt8 = description_.int8 ? VK_TRUE : VK_FALSE;
  features12.storageBuffer8BitAccess = features12.shaderInt8;
  VkPhysicalDeviceVulkan11Features features11{};
  features11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
  features11.storageBuffer16BitAccess = description_.int16 ? VK_TRUE : VK_FALSE;
  features11.pNext = &features12;
  VkPhysicalDeviceFeatures2 features{};
  features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  features.features.shaderInt64 = VK_TRUE;
  features.features.shaderInt16 = features11.storageBuffer16BitAccess;
  features.features.shaderFloat64 = description_.float64 ? VK_TRUE : VK_FALSE;
  features.pNext = &features11;

  const float priority = 1.0F;
  VkDeviceQueueCreateInfo queue{};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = queue_family_;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkDeviceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &features;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  check(vkCreateDevice(physical_, &info, nullptr, &device_), "vkCreateDevice");
  vkGetDeviceQueue(device_, queue_family_, 0, &queue_);

  VkPipelineCacheCreateInfo cache{};
  cache.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
  if (const VkResult result = vkCreatePipelineCache(device_, &cache, nullptr, &cache_); result != VK_SUCCESS) {
    vkDestroyDevice(device_, nullptr);
    check(result, "vkCreatePipelineCache");
  }
}

Device::~Device() {
  vkDestroyPipelineCache(device_, cache_, nullptr);
  vkDestroyDevice(device_, nullptr);
}

void Device::submit(VkCommandBuffer commands, VkFence fence) const {
  VkSubmitInfo info{};
  info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands;
  const std::lock_guard lock(queue_mutex_);
  check(vkQueueSubmit(queue_, 1, &info, fence), "vkQueueSubmit");
}

}  // namespace jaxc::spirv
