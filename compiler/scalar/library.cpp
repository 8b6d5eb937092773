// Finds library functions by name and adds them to a Program.
#include "compiler/scalar/library.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/scalar/functions.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

std::vector<FunctionRow> all_rows() {
  std::vector<FunctionRow> rows;
  for (const auto& family : function_families())
    for (FunctionRow& row : family()) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), [](const FunctionRow& a, const FunctionRow& b) { return a.name < b.name; });
  return rows;
}

const std::vector<FunctionRow>& table() {
  static const std::vector<FunctionRow> rows = all_rows();
  return rows;
}

/// The row of that name, or null.
const FunctionRow* find(std::string_view name) {
  const auto& rows = table();
  const auto row = std::lower_bound(rows.begin(), rows.end(), name,
                                    [](const FunctionRow& row, std::string_view name) { return row.name < name; });
  return row == rows.end() || row->name != name ? nullptr : &*row;
}

void renumber_calls(ir::Region& region, const std::vector<std::uint64_t>& numbers) {
  for (ir::ScalarOp& op : region.ops) {
    if (op.opcode == ir::Opcode::call) op.immediate = numbers.at(op.immediate);
    for (ir::Region& inner : op.regions) renumber_calls(inner, numbers);
  }
}

}  // namespace

LibraryFunction library_function(std::string_view name) {
  const FunctionRow* row = find(name);
  if (row == nullptr) throw InternalError(fmt::format("the scalar library has no function {}", name));
  ScalarCode code;
  std::vector<Scalar> arguments;
  for (DType dtype : row->arguments) arguments.push_back(code.argument(dtype));
  return code.finish(row->write(code, arguments));
}

bool is_conversion(std::string_view name) {
  const FunctionRow* row = find(name);
  return row != nullptr && row->is_conversion;
}

std::vector<std::string> library_names() {
  std::vector<std::string> names;
  for (const FunctionRow& row : table()) names.push_back(row.name);
  return names;
}

std::uint64_t add_function(ir::Program& program, std::string_view name) {
  for (std::size_t k = 0; k < program.functions.size(); ++k)
    if (program.functions[k].name == name) return k;
  LibraryFunction function = library_function(name);
  std::vector<std::uint64_t> numbers;
  for (const std::string& callee : function.callees) numbers.push_back(add_function(program, callee));
  renumber_calls(function.region, numbers);
  program.functions.push_back({std::string(name), std::move(function.region)});
  return program.functions.size() - 1;
}

}  // namespace jaxc::compiler
