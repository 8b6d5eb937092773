// Scheduling of nests on a CPU: which axis fills the vector lanes, and what is unrolled.
#pragma once

#include <cstdint>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Row-major strides of a shape, in elements; the row length may be padded.
std::vector<std::int64_t> row_major_strides(const Shape& shape, std::int64_t row = 0);

/// The coefficient of an axis in an array's address, by row-major strides; nothing where an index is gathered
/// by a value that depends on anything but axes.
std::optional<std::int64_t> address_stride(const ir::Region& body, const std::vector<ir::Index>& indices,
                                           const Shape& shape, std::uint64_t axis);

/// The schedule with the least estimated work: every axis serial but one in lanes (or none), parallel axes
/// outermost in their order, reduced axes inside, the lane axis last of its kind.
ir::NestPlan schedule_nest(const ir::Program& program, const ir::Nest& nest, std::int64_t vector_bits);

/// Vector operations of one pass over the nest under its schedule.
std::int64_t nest_operations(const ir::Nest& nest, const ir::NestPlan& plan);

/// Unrolls axes from the innermost outwards while the straight-line code stays within `operations`; returns
/// the operations of the straight-line code, and sets `complete` when no counted loop is left.
std::int64_t unroll_nest(const ir::Nest& nest, ir::NestPlan& plan, std::int64_t operations, bool& complete);

}  // namespace jaxc::compiler
