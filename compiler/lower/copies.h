// What a nest copies, for passes that let another nest or array stand in for the copy.
#pragma once

#include <optional>
#include <vector>

#include "ir/program.h"

namespace jaxc::compiler {

/// Whether the indices are the nest's own axes, in their order.
bool is_point(const ir::Nest& nest, const std::vector<ir::Index>& indices);

/// The array that the nest copies whole, element by element.
std::optional<ir::ArrayId> copied_array(const ir::Program& program, const ir::Nest& nest);

}  // namespace jaxc::compiler
