// Any text either is refused with an Error, or prints to a text that parses to the same program.
#include <cstdlib>
#include <string_view>

#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verify.h"
#include "jaxc/error.h"

using jaxc::ir::Jaxpr;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Jaxpr jaxpr;
  try {
    jaxpr = jaxc::ir::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const jaxc::Error&) {
    return 0;
  }
  if (!structurally_equal(jaxpr, jaxc::ir::parse(print(jaxpr), "printed"))) std::abort();
  try {
    jaxc::ir::require_runnable(jaxpr);
    jaxc::ir::verify(jaxpr);
  } catch (const jaxc::Error&) {
  }
  return 0;
}
