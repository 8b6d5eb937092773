// The session's GPU backend: SPIR-V through Vulkan, or the word that this build has none.
#include "runtime/session/compiled.h"

namespace jaxc::session {

namespace {
constexpr std::string_view absence = "this build of jaxc has no Vulkan backend; build with -DJAXC_VULKAN=ON";
}

std::unique_ptr<Runner> make_gpu(const Request&) {
  throw Error(std::string(absence));
}
std::vector<Device> gpu_devices() {
  return {};
}
std::string why_no_gpu() {
  return std::string(absence);
}

}  // namespace jaxc::session
