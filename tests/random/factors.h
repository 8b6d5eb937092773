// Factors: whether the order in which a product's factors are multiplied decides its value.
#pragma once

#include <optional>
#include <vector>

#include "ir/jaxpr.h"
#include "jaxc/array.h"

namespace jaxc::random_programs {

/// For reduce_prod and cumprod: the elements of the result whose value depends on the order of their factors, because
/// the partial products of some order leave the range of the type that they are computed in. JAX fixes no order
/// (XLA multiplies in lanes, too). Nothing for other primitives, and where no element does.
std::optional<std::vector<bool>> decided_by_order(const ir::Equation& equation, const Array& operand);

}  // namespace jaxc::random_programs
