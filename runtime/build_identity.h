// build_identity: which build of jaxc this process runs.
#pragma once

#include <string>

namespace jaxc::runtime {

/// The linker's build ID of the program or library that holds jaxc, in hexadecimal; empty where the linker wrote none.
std::string build_identity();

}  // namespace jaxc::runtime
