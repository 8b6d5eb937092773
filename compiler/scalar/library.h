// The library of scalar functions: elementary and special functions written once, as regions, for all backends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/program.h"
#include "ir/scalar.h"

namespace jaxc::compiler {

/// A function of the library. The immediate of a `call` in `region` (inner regions included) is an index
/// into `callees`, names of other functions of the library.
struct LibraryFunction {
  ir::Region region;
  std::vector<std::string> callees;
};

/// The function of that name: a stem and a format, such as exp_f32, or a conversion such as f32_from_bf16.
/// It is written for exactly these operations: no pass contracts a multiplication and an addition in it.
/// Throws InternalError for an unknown name.
LibraryFunction library_function(std::string_view name);

/// Whether the function of that name converts between storage types, at the cost of a few operations.
bool is_conversion(std::string_view name);

/// Every name that library_function knows, sorted.
std::vector<std::string> library_names();

/// The number in `program.functions` of the library's function; adds it, and before it the functions that it
/// calls, where they are missing. Throws InternalError for an unknown name.
std::uint64_t add_function(ir::Program& program, std::string_view name);

}  // namespace jaxc::compiler
