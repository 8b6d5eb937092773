// Visits every array and node of a Program by reference, and makes their numbers dense.
#pragma once

#include <functional>

#include "ir/program.h"

namespace jaxc::compiler {

/// Visits each array that the node itself names (not the nodes of its blocks): reads and assignments.
void visit_arrays(ir::Node& node, const std::function<void(ir::ArrayId&)>& visit);
/// Visits the blocks that the node holds, in the order in which they run.
void visit_blocks(ir::Node& node, const std::function<void(ir::Block&)>& visit);
/// Numbers nodes in the order of the text, arrays and functions in the order of their first mention, and
/// drops arrays and functions that nothing mentions.
void renumber(ir::Program& program);

}  // namespace jaxc::compiler
