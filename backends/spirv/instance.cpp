// The Vulkan instance, its validation messages, and what its devices offer.
#include <cstring>

#include "backends/spirv/device.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

constexpr const char* validation_layer = "VK_LAYER_KHRONOS_validation";

VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
                                          const VkDebugUtilsMessengerCallbackDataEXT* data, void* instance) {
  static_cast<Instance*>(instance)->record(data->pMessage);
  return VK_FALSE;
}

bool has_layer(const char* name) {
  std::uint32_t count = 0;
  vkEnumerateInstanceLayerProperties(&count, nullptr);
  std::vector<VkLayerProperties> layers(count);
  vkEnumerateInstanceLayerProperties(&count, layers.data());
  return std::any_of(layers.begin(), layers.end(),
                     [&](const VkLayerProperties& layer) { return std::strcmp(layer.layerName, name) == 0; });
}

bool has_extension(VkPhysicalDevice device, const char* name) {
  std::uint32_t count = 0;
  vkEnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr);
  std::vector<VkExtensionProperties> extensions(count);
  vkEnumerateDeviceExtensionProperties(device, nullptr, &count, extensions.data());
  return std::any_of(extensions.begin(), extensions.end(), [&](const VkExtensionProperties& extension) {
    return std::strcmp(extension.extensionName, name) == 0;
  });
}

std::string type_name(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return "discrete";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return "integrated";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return "virtual";
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return "cpu";
    default:
      return "other";
  }
}

void describe_features(VkPhysicalDevice device, DeviceDescription& description) {
  VkPhysicalDeviceVulkan12Features features12{};
  features12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  VkPhysicalDeviceVulkan11Features features11{};
  features11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
  features11.pNext = &features12;
  VkPhysicalDeviceFeatures2 features{};
  features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  features.pNext = &features11;
  vkGetPhysicalDeviceFeatures2(device, &features);
  const auto require = [&](VkBool32 offered, const char* feature) {
    if (offered != VK_TRUE) description.missing.emplace_back(feature);
  };
  require(features12.bufferDeviceAddress, "bufferDeviceAddress");
  require(features12.vulkanMemoryModel, "vulkanMemoryModel");
  require(features12.scalarBlockLayout, "scalarBlockLayout");
  require(features.features.shaderInt64, "shaderInt64");
  description.int8 = features12.shaderInt8 == VK_TRUE && features12.storageBuffer8BitAccess == VK_TRUE;
  description.int16 = features.features.shaderInt16 == VK_TRUE && features11.storageBuffer16BitAccess == VK_TRUE;
  description.float64 = features.features.shaderFloat64 == VK_TRUE;
}

void describe_properties(VkPhysicalDevice device, DeviceDescription& description) {
  VkPhysicalDeviceSubgroupSizeControlPropertiesEXT subgroup{};
  subgroup.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT;
  VkPhysicalDeviceVulkan12Properties properties12{};
  properties12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES;
  const bool subgroup_control = has_extension(device, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  if (subgroup_control) properties12.pNext = &subgroup;
  VkPhysicalDeviceVulkan11Properties properties11{};
  properties11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES;
  properties11.pNext = &properties12;
  VkPhysicalDeviceProperties2 properties{};
  properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  properties.pNext = &properties11;
  vkGetPhysicalDeviceProperties2(device, &properties);

  description.driver = fmt::format("{} {}", properties12.driverName, properties12.driverInfo);
  // With independence NONE every width must agree; then no mode is declared and the default serves.
  if (properties12.roundingModeIndependence != VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE) {
    description.round_to_nearest_f32 = properties12.shaderRoundingModeRTEFloat32 == VK_TRUE;
    description.round_to_nearest_f64 = properties12.shaderRoundingModeRTEFloat64 == VK_TRUE;
  }
  description.preserve_special_f32 = properties12.shaderSignedZeroInfNanPreserveFloat32 == VK_TRUE;
  description.preserve_special_f64 = properties12.shaderSignedZeroInfNanPreserveFloat64 == VK_TRUE;
  const auto& limits = properties.properties.limits;
  description.shared_bytes = limits.maxComputeSharedMemorySize;
  description.workgroup_size = std::min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]);
  description.group_count = std::min(limits.maxComputeWorkGroupCount[0], limits.maxComputeWorkGroupCount[1]);
  description.subgroup_size = properties11.subgroupSize;
  description.fixed_subgroup_size = subgroup_control && subgroup.minSubgroupSize == subgroup.maxSubgroupSize;
  description.allocation_bytes =
      static_cast<std::int64_t>(std::min<std::uint64_t>(properties11.maxMemoryAllocationSize, std::uint64_t{1} << 62));
  // llvmpipe multiplies and adds in two roundings; hardware does it in one.
  description.fused_multiply_add = description.type != "cpu";
  if (properties12.driverID == VK_DRIVER_ID_MESA_LLVMPIPE) {
    description.loop_limit = 65535;
    description.orders_by_halves = true;
  }
  if (description.type != "cpu") description.chunk_steps = std::int64_t{1} << 20;
}

}  // namespace

std::string_view result_name(VkResult result) {
  switch (result) {
    case VK_SUCCESS:
      return "success";
    case VK_NOT_READY:
      return "not ready";
    case VK_TIMEOUT:
      return "timeout";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED:
      return "initialization failed";
    case VK_ERROR_DEVICE_LOST:
      return "device lost";
    case VK_ERROR_LAYER_NOT_PRESENT:
      return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
      return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT:
      return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return "no compatible driver";
    case VK_ERROR_TOO_MANY_OBJECTS:
      return "too many objects";
    default:
      return "an unexpected Vulkan result";
  }
}

void check(VkResult result, std::string_view what) {
  if (result != VK_SUCCESS) {
    throw Error(fmt::format("gpu: {} failed: {} ({})", what, result_name(result), static_cast<int>(result)));
  }
}

Instance::Instance(bool validation) {
  if (validation && !has_layer(validation_layer)) {
    throw Error(
        "gpu: validation needs VK_LAYER_KHRONOS_validation, got no such layer; install vulkan-validationlayers");
  }
  VkApplicationInfo application{};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = "jaxc";
  application.apiVersion = VK_API_VERSION_1_2;
  VkInstanceCreateInfo info{};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;
  const char* const layers[] = {validation_layer};
  const char* const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
  if (validation) {
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = layers;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = extensions;
  }
  const VkResult result = vkCreateInstance(&info, nullptr, &instance_);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
    throw Error(
        "gpu: a GPU needs a Vulkan driver, got none on this machine; install one (mesa-vulkan-drivers has lavapipe)");
  }
  check(result, "vkCreateInstance");
  if (!validation) return;
  VkDebugUtilsMessengerCreateInfoEXT messenger{};
  messenger.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  messenger.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  messenger.messageType =
      VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  messenger.pfnUserCallback = on_message;
  messenger.pUserData = this;
  const auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
      vkGetInstanceProcAddr(instance_, "vkCreateDebugUtilsMessengerEXT"));
  if (create != nullptr) check(create(instance_, &messenger, nullptr, &messenger_), "vkCreateDebugUtilsMessengerEXT");
}

Instance::~Instance() {
  if (messenger_ != VK_NULL_HANDLE) {
    const auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
        vkGetInstanceProcAddr(instance_, "vkDestroyDebugUtilsMessengerEXT"));
    if (destroy != nullptr) destroy(instance_, messenger_, nullptr);
  }
  if (instance_ != VK_NULL_HANDLE) vkDestroyInstance(instance_, nullptr);
}

std::vector<VkPhysicalDevice> Instance::physical_devices() const {
  std::uint32_t count = 0;
  if (vkEnumeratePhysicalDevices(instance_, &count, nullptr) != VK_SUCCESS) return {};
  std::vector<VkPhysicalDevice> devices(count);
  if (vkEnumeratePhysicalDevices(instance_, &count, devices.data()) < 0) return {};
  devices.resize(count);
  return devices;
}

std::vector<std::string> Instance::messages() const {
  const std::lock_guard lock(mutex_);
  return messages_;
}

void Instance::record(std::string message) {
  const std::lock_guard lock(mutex_);
  messages_.push_back(std::move(message));
}

DeviceDescription describe(VkPhysicalDevice device, int index) {
  DeviceDescription description;
  description.index = index;
  VkPhysicalDeviceProperties properties{};
  vkGetPhysicalDeviceProperties(device, &properties);
  description.name = properties.deviceName;
  description.type = type_name(properties.deviceType);
  if (properties.apiVersion < VK_API_VERSION_1_2) {
    description.driver = fmt::format("Vulkan {}.{}", VK_API_VERSION_MAJOR(properties.apiVersion),
                                     VK_API_VERSION_MINOR(properties.apiVersion));
    description.missing.emplace_back("Vulkan 1.2");
    return description;
  }
  describe_features(device, description);
  describe_properties(device, description);
  return description;
}

std::vector<DeviceDescription> devices() {
  std::vector<DeviceDescription> result;
  std::optional<Instance> instance;
  try {
    instance.emplace(false);
  } catch (const Error&) {
    return result;
  }
  for (const VkPhysicalDevice device : instance->physical_devices()) {
    result.push_back(describe(device, static_cast<int>(result.size())));
  }
  return result;
}

}  // namespace jaxc::spirv
