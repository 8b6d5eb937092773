// Substitutes a nest's expression for a read of its result.
#pragma once

#include <optional>
#include <vector>

#include "ir/program.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

/// Appends an operation, folded when its operands are integer or boolean constants.
ir::OpId append_folded(ir::RegionBuilder& builder, ir::ScalarOp op);

/// The first result of `body` at the point whose axes have these indices (in terms of the builder's
/// operations). With a guard, reads access nothing where it is false, and the value there is arbitrary.
ir::OpId substitute(ir::RegionBuilder& builder, const ir::Region& body, const std::vector<ir::Index>& point,
                    std::optional<ir::OpId> guard);

/// Keeps only what results, indices and guards of the nest depend on.
void drop_dead_operations(ir::Nest& nest);

}  // namespace jaxc::compiler
