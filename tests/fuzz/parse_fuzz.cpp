// Any text either is refused with an Error, or prints to a text that parses to the same program.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verify.h"
#include "jaxc/error.h"

using jaxc::ir::Jaxpr;

namespace {

/// Nothing, or why the printed program is not the program.
std::string round_trip_fault(const Jaxpr& jaxpr, const std::string& printed) {
  try {
    return structurally_equal(jaxpr, jaxc::ir::parse(printed, "printed")) ? "" : "another program is printed";
  } catch (const jaxc::Error& error) {
    return error.what();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Jaxpr jaxpr;
  try {
    jaxpr = jaxc::ir::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const jaxc::Error&) {
    return 0;
  }
  const std::string printed = print(jaxpr);
  if (const std::string fault = round_trip_fault(jaxpr, printed); !fault.empty()) {
    std::fprintf(stderr, "%s\n%s\n", printed.c_str(), fault.c_str());
    std::abort();
  }
  try {
    jaxc::ir::require_runnable(jaxpr);
    jaxc::ir::verify(jaxpr);
  } catch (const jaxc::Error&) {
  }
  return 0;
}
