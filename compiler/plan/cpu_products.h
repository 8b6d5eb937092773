// Which nests of a CPU's plan are products that a library runs: large ones, and those that gather their factors.
#pragma once

#include <optional>

#include "ir/plan.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// Where a product stands. Threads share out independent steps, unless a library multiplies in them.
enum class ProductPlace : std::uint8_t { outside, step, independent_step };

/// The product that a nest is, where a library runs it faster than generated code, by the strides of dense arrays and
/// with its workspace not yet placed; nothing for other nests.
std::optional<ir::ProductPlan> library_product(const ir::Program& program, const ir::Nest& nest, ProductPlace place);

/// Memory for the packed operands of a product of m x k and k x n numbers of `bytes` each.
std::int64_t product_workspace(std::int64_t rows, std::int64_t columns, std::int64_t folded, std::int64_t bytes);

}  // namespace jaxc::compiler
