// Writes a region's operations into another region under construction.
#pragma once

#include <span>
#include <vector>

#include "ir/region_builder.h"

namespace jaxc::compiler {

/// The operations of `region` with `arguments` for its arguments; returns its results.
inline std::vector<ir::OpId> inline_region(ir::RegionBuilder& builder, const ir::Region& region,
                                           std::span<const ir::OpId> arguments) {
  std::vector<ir::OpId> numbers;
  for (const ir::ScalarOp& op : region.ops) {
    if (op.opcode == ir::Opcode::argument) {
      numbers.push_back(arguments[op.immediate]);
      continue;
    }
    ir::ScalarOp copy = op;
    for (ir::OpId& argument : copy.arguments) argument = numbers[argument];
    for (ir::Index& index : copy.indices)
      for (ir::Index::Term& term : index.terms) term.op = numbers[term.op];
    numbers.push_back(builder.append(std::move(copy)));
  }
  std::vector<ir::OpId> results;
  for (ir::OpId result : region.results) results.push_back(numbers[result]);
  return results;
}

}  // namespace jaxc::compiler
