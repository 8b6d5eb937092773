// Any file either is refused with an Error, or its arrays are read back from what is written of them.
#include <cstdlib>

#include "jaxc/error.h"
#include "jaxc/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  jaxc::Safetensors content;
  try {
    content = jaxc::Safetensors::parse(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const jaxc::Error&) {
    return 0;
  }
  const std::vector<std::byte> bytes = content.serialize();
  if (jaxc::Safetensors::parse(bytes, "written").serialize() != bytes) std::abort();
  return 0;
}
