// Kernels from SPIR-V, and recording and submitting commands.
#include "backends/spirv/device.h"
#include "jaxc/error.h"

namespace jaxc::spirv {

Kernel::Kernel(const Device& device, std::span<const std::uint32_t> words, std::uint32_t push_constant_words)
    : device_(&device) {
  VkShaderModuleCreateInfo module_info{};
  module_info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  module_info.codeSize = words.size_bytes();
  module_info.pCode = words.data();
  VkShaderModule module = VK_NULL_HANDLE;
  check(vkCreateShaderModule(device.handle(), &module_info, nullptr, &module), "vkCreateShaderModule");
  VkPushConstantRange range{};
  range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  range.size = 8 * push_constant_words;
  VkPipelineLayoutCreateInfo layout{};
  layout.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  layout.pushConstantRangeCount = 1;
  layout.pPushConstantRanges = &range;
  VkResult result = vkCreatePipelineLayout(device.handle(), &layout, nullptr, &layout_);
  if (result == VK_SUCCESS) {
    VkComputePipelineCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
    info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    info.stage.module = module;
    info.stage.pName = "main";
    info.layout = layout_;
    result = vkCreateComputePipelines(device.handle(), device.pipeline_cache(), 1, &info, nullptr, &pipeline_);
  }
  vkDestroyShaderModule(device.handle(), module, nullptr);
  if (result != VK_SUCCESS) {
    vkDestroyPipelineLayout(device.handle(), layout_, nullptr);
    check(result, "making a compute pipeline");
  }
}

Kernel::~Kernel() {
  if (device_ == nullptr) return;
  vkDestroyPipeline(device_->handle(), pipeline_, nullptr);
  vkDestroyPipelineLayout(device_->handle(), layout_, nullptr);
}

Kernel::Kernel(Kernel&& other) noexcept
    : device_(std::exchange(other.device_, nullptr)), layout_(other.layout_), pipeline_(other.pipeline_) {}

Commands::Commands(const Device& device) : device_(device) {
  VkCommandPoolCreateInfo pool{};
  pool.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  pool.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  pool.queueFamilyIndex = device.queue_family();
  check(vkCreateCommandPool(device.handle(), &pool, nullptr, &pool_), "vkCreateCommandPool");
  VkCommandBufferAllocateInfo allocate{};
  allocate.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  allocate.commandPool = pool_;
  allocate.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  allocate.commandBufferCount = 1;
  VkFenceCreateInfo fence{};
  fence.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  VkResult result = vkAllocateCommandBuffers(device.handle(), &allocate, &buffer_);
  if (result == VK_SUCCESS) result = vkCreateFence(device.handle(), &fence, nullptr, &fence_);
  if (result != VK_SUCCESS) {
    vkDestroyCommandPool(device.handle(), pool_, nullptr);
    check(result, "making a command buffer");
  }
}

Commands::~Commands() {
  vkDestroyFence(device_.handle(), fence_, nullptr);
  vkDestroyCommandPool(device_.handle(), pool_, nullptr);
}

void Commands::begin() {
  if (recording_) return;
  VkCommandBufferBeginInfo info{};
  info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  check(vkBeginCommandBuffer(buffer_, &info), "vkBeginCommandBuffer");
  recording_ = true;
  last_ = Stage::none;
}

void Commands::order(Stage next) {
  begin();
  const Stage last = std::exchange(last_, next);
  if (last == Stage::none || (last == Stage::transfer && next == Stage::transfer)) return;
  const bool from_transfer = last == Stage::transfer;
  const bool to_transfer = next == Stage::transfer;
  VkMemoryBarrier barrier{};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = from_transfer ? VK_ACCESS_TRANSFER_WRITE_BIT : VK_ACCESS_SHADER_WRITE_BIT;
  barrier.dstAccessMask = to_transfer ? VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT
                                      : VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
  vkCmdPipelineBarrier(buffer_, from_transfer ? VK_PIPELINE_STAGE_TRANSFER_BIT : VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                       to_transfer ? VK_PIPELINE_STAGE_TRANSFER_BIT : VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1,
                       &barrier, 0, nullptr, 0, nullptr);
}

void Commands::copy(const Memory& source, std::int64_t source_offset, const Memory& target, std::int64_t target_offset,
                    std::int64_t bytes) {
  if (bytes == 0) return;
  order(Stage::transfer);
  VkBufferCopy region{};
  region.srcOffset = static_cast<VkDeviceSize>(source_offset);
  region.dstOffset = static_cast<VkDeviceSize>(target_offset);
  region.size = static_cast<VkDeviceSize>(bytes);
  vkCmdCopyBuffer(buffer_, source.buffer(), target.buffer(), 1, &region);
}

void Commands::fill(const Memory& target, std::int64_t offset, std::int64_t bytes, std::uint32_t word) {
  if (bytes == 0) return;
  order(Stage::transfer);
  vkCmdFillBuffer(buffer_, target.buffer(), static_cast<VkDeviceSize>(offset), static_cast<VkDeviceSize>(bytes), word);
}

void Commands::dispatch(const Kernel& kernel, std::span<const std::uint64_t> push_constants, std::uint32_t groups_x,
                        std::uint32_t groups_y) {
  order(Stage::compute);
  vkCmdBindPipeline(buffer_, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.pipeline());
  vkCmdPushConstants(buffer_, kernel.layout(), VK_SHADER_STAGE_COMPUTE_BIT, 0,
                     static_cast<std::uint32_t>(push_constants.size_bytes()), push_constants.data());
  vkCmdDispatch(buffer_, groups_x, groups_y, 1);
}

void Commands::submit_and_wait() {
  begin();
  VkMemoryBarrier barrier{};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
  vkCmdPipelineBarrier(buffer_, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, nullptr,
                       0, nullptr);
  check(vkEndCommandBuffer(buffer_), "vkEndCommandBuffer");
  recording_ = false;
  check(vkResetFences(device_.handle(), 1, &fence_), "vkResetFences");
  device_.submit(buffer_, fence_);
  check(vkWaitForFences(device_.handle(), 1, &fence_, VK_TRUE, UINT64_MAX), "waiting for the device");
}

}  // namespace jaxc::spirv
