// Devices: what is listed, what is refused and how, buffers and copies.
#include <cstdlib>

#include "jaxc/error.h"
#include "tests/spirv/kernel_fixture.h"

namespace jaxc::spirv {
namespace {

std::string error_of(const DeviceOptions& options) {
  try {
    const Device device(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(DeviceTest, EveryListedDeviceSaysWhatItIs) {
  const auto all = devices();
  ASSERT_FALSE(all.empty());
  for (const auto& description : all) {
    EXPECT_FALSE(description.name.empty());
    EXPECT_FALSE(description.type.empty());
    EXPECT_FALSE(description.driver.empty());
    if (!description.missing.empty()) continue;
    EXPECT_GE(description.workgroup_size, 128);
    EXPECT_GE(description.shared_bytes, 16384);
    EXPECT_GE(description.group_count, 65535);
  }
}

TEST(DeviceTest, AnIndexBeyondTheDevicesIsAnError) {
  EXPECT_NE(error_of({.index = 1000}).find("a device's index is below the number of devices, got 1000"),
            std::string::npos);
  EXPECT_NE(error_of({.index = -1}).find("got -1"), std::string::npos);
}

TEST(DeviceTest, WithoutAnyDriverTheErrorSaysSo) {
  setenv("VK_ICD_FILENAMES", "/nonexistent.json", 1);
  setenv("VK_DRIVER_FILES", "/nonexistent.json", 1);
  const std::string message = error_of({});
  const auto listed = devices();
  unsetenv("VK_ICD_FILENAMES");
  unsetenv("VK_DRIVER_FILES");
  EXPECT_NE(message.find("none on this machine"), std::string::npos) << message;
  EXPECT_TRUE(listed.empty());
}

TEST_F(KernelTest, CopiesPassThroughDeviceMemory) {
  std::vector<std::uint32_t> values(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) values[i] = i * i;
  const Memory source = upload(values);
  const Memory middle(*device, 4000, MemoryUse::device);
  const Memory target(*device, 4000, MemoryUse::download);
  Commands commands(*device);
  for (int repeat = 0; repeat < 2; ++repeat) {
    commands.copy(source, 0, middle, 0, 4000);
    commands.submit_and_wait();
    commands.copy(middle, 0, target, 0, 4000);
    commands.submit_and_wait();
    EXPECT_EQ(download<std::uint32_t>(target, 1000), values);
  }
  EXPECT_NE(middle.address(), 0U);
}

TEST_F(KernelTest, ABufferBeyondTheDeviceIsAnError) {
  EXPECT_THROW(Memory(*device, std::int64_t{1} << 55, MemoryUse::device), Error);
}

}  // namespace
}  // namespace jaxc::spirv
