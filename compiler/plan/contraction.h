// Reads a nest as a product of two operands, summed over axes: matrices, contractions of any axes, convolutions.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// The product that a nest is, without a workspace, by the strides that each axis has in dense arrays; nothing for
/// other nests. Axes that are one for all arrays are joined; rows and folded axes are in the order of an operand's
/// memory, columns in that of the result.
/// An image with zeros between its elements is several products, which share out the result.
std::optional<ir::ProductPlan> contraction(const ir::Program& program, const ir::Nest& nest);

/// How many positions axes have together.
std::int64_t positions(const std::vector<ir::ProductPlan::Axis>& axes);

}  // namespace jaxc::compiler
