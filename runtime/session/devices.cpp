// Devices, and how complete the table of primitives is.
#include "backends/llvm/llvm.h"

#include <fmt/format.h>

#include "runtime/session/state.h"

namespace jaxc {

std::vector<Device> devices() {
  std::vector<Device> all = {
      {Backend::cpu, 0, cpu::host_name(), fmt::format("vectors of {} bits", cpu::host_vector_bits())}};
  for (Device& device : session::gpu_devices()) all.push_back(std::move(device));
  return all;
}

std::string gpu_absence() {
  return session::why_no_gpu();
}

}  // namespace jaxc
