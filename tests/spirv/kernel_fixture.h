// What the SPIR-V tests share: a device with validation, and a hand-built kernel run on host arrays.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "backends/spirv/device.h"
#include "backends/spirv/module.h"

namespace jaxc::spirv {

/// A device whose validation layer must have said nothing when the test ends.
class KernelTest : public testing::Test {
 protected:
  void SetUp() override { device = std::make_unique<Device>(DeviceOptions{.index = std::nullopt, .validation = true}); }

  void TearDown() override {
    for (const std::string& message : device->validation_messages()) ADD_FAILURE() << message;
  }

  ModuleOptions module_options(std::uint32_t workgroup_size, std::uint32_t push_constant_words) const {
    const auto& description = device->description();
    return {workgroup_size,
            push_constant_words,
            description.round_to_nearest_f32,
            description.round_to_nearest_f64,
            description.preserve_special_f32,
            description.preserve_special_f64};
  }

  template <typename T>
  Memory upload(const std::vector<T>& values) const {
    Memory memory(*device, static_cast<std::int64_t>(values.size() * sizeof(T)), MemoryUse::upload);
    std::memcpy(memory.bytes().data(), values.data(), values.size() * sizeof(T));
    return memory;
  }

  template <typename T>
  std::vector<T> download(const Memory& memory, std::size_t count) const {
    std::vector<T> values(count);
    std::memcpy(values.data(), memory.bytes().data(), count * sizeof(T));
    return values;
  }

  std::unique_ptr<Device> device;
};

}  // namespace jaxc::spirv
