// Buffers with device addresses.
#include "backends/spirv/device.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

/// Property flags to try in turn; the last of a list is offered by every device.
std::vector<VkMemoryPropertyFlags> wanted(MemoryUse use) {
  constexpr VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
  constexpr VkMemoryPropertyFlags coherent = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  switch (use) {
    case MemoryUse::device:
      return {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0};
    case MemoryUse::upload:
      return {visible | coherent, visible};
    case MemoryUse::download:
      return {visible | coherent | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, visible | coherent, visible};
  }
  throw InternalError("gpu: unknown use of memory");
}

std::uint32_t memory_type(const Device& device, std::uint32_t allowed, MemoryUse use) {
  const auto& properties = device.memory_properties();
  for (const VkMemoryPropertyFlags flags : wanted(use)) {
    for (std::uint32_t i = 0; i < properties.memoryTypeCount; ++i) {
      if ((allowed >> i & 1) != 0 && (properties.memoryTypes[i].propertyFlags & flags) == flags) return i;
    }
  }
  throw Error("gpu: the device has no memory that the host can see");
}

}  // namespace

Memory::Memory(const Device& device, std::int64_t bytes, MemoryUse use)
    : device_(&device), size_(std::max<std::int64_t>(64, (bytes + 63) / 64 * 64)) {
  if (size_ > device.description().allocation_bytes) {
    throw Error(fmt::format("gpu: one buffer may take {} bytes on {}, got {}; use smaller arrays or the cpu backend",
                            device.description().allocation_bytes, device.description().name, size_));
  }
  try {
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = static_cast<VkDeviceSize>(size_);
    info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    info.sharingMode = VK_SHARING_MODE_EXCLUSIVE;
    check(vkCreateBuffer(device.handle(), &info, nullptr, &buffer_), "vkCreateBuffer");
    VkMemoryRequirements requirements{};
    vkGetBufferMemoryRequirements(device.handle(), buffer_, &requirements);
    VkMemoryAllocateFlagsInfo flags{};
    flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO;
    flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
    VkMemoryAllocateInfo allocate{};
    allocate.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    allocate.pNext = &flags;
    allocate.allocationSize = requirements.size;
    allocate.memoryTypeIndex = memory_type(device, requirements.memoryTypeBits, use);
    const auto properties = device.memory_properties().memoryTypes[allocate.memoryTypeIndex].propertyFlags;
    coherent_ = (properties & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
    check(vkAllocateMemory(device.handle(), &allocate, nullptr, &memory_), fmt::format("allocating {} bytes", size_));
    check(vkBindBufferMemory(device.handle(), buffer_, memory_, 0), "vkBindBufferMemory");
    if (use != MemoryUse::device) {
      void* mapped = nullptr;
      check(vkMapMemory(device.handle(), memory_, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory");
      mapped_ = static_cast<std::byte*>(mapped);
    }
    VkBufferDeviceAddressInfo address{};
    address.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO;
    address.buffer = buffer_;
    address_ = vkGetBufferDeviceAddress(device.handle(), &address);
  } catch (...) {
    release();
    throw;
  }
}

Memory::~Memory() {
  release();
}

Memory::Memory(Memory&& other) noexcept {
  *this = std::move(other);
}

Memory& Memory::operator=(Memory&& other) noexcept {
  if (this == &other) return *this;
  release();
  device_ = std::exchange(other.device_, nullptr);
  buffer_ = std::exchange(other.buffer_, VK_NULL_HANDLE);
  memory_ = std::exchange(other.memory_, VK_NULL_HANDLE);
  mapped_ = std::exchange(other.mapped_, nullptr);
  address_ = std::exchange(other.address_, 0);
  size_ = std::exchange(other.size_, 0);
  coherent_ = other.coherent_;
  return *this;
}

void Memory::release() {
  if (device_ == nullptr) return;
  vkDestroyBuffer(device_->handle(), buffer_, nullptr);
  vkFreeMemory(device_->handle(), memory_, nullptr);
  device_ = nullptr;
}

void Memory::flush() const {
  if (coherent_ || mapped_ == nullptr) return;
  VkMappedMemoryRange range{};
  range.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE;
  range.memory = memory_;
  range.size = VK_WHOLE_SIZE;
  check(vkFlushMappedMemoryRanges(device_->handle(), 1, &range), "vkFlushMappedMemoryRanges");
}

void Memory::invalidate() const {
  if (coherent_ || mapped_ == nullptr) return;
  VkMappedMemoryRange range{};
  range.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE;
  range.memory = memory_;
  range.size = VK_WHOLE_SIZE;
  check(vkInvalidateMappedMemoryRanges(device_->handle(), 1, &range), "vkInvalidateMappedMemoryRanges");
}

}  // namespace jaxc::spirv
