// Passes over Programs: fusion of nests, dead code, contraction to mul_add, loops over rows.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// Nests without a reduction are written into the nests that read them, where that saves work: views, constants
/// and values read once per element; never a value that would be computed again and again. Then unused nodes
/// are dropped, stores are moved through views of reductions, and numbers are dense.
ir::Program fuse(const ir::Program& program);

/// a * b + c becomes mul_add where the product has no other use, also across a reduction by addition.
/// Library functions stay as they are written.
ir::Program contract(const ir::Program& program);

/// Nests that walk the same rows of large arrays, handing on what they compute there, become a loop named "rows"; a
/// row is then in the cache when the next nest reads it.
ir::Program group_rows(const ir::Program& program);

/// Drops nodes, carries, stacked arrays and results that no output depends on, and operations that no result
/// of a nest's body depends on.
void drop_dead_nodes(ir::Program& program);

/// Lets a reduction store where a transposition, an added or dropped axis of extent 1, or a merging reshape of its
/// only reader would put its result.
void sink_views(ir::Program& program);

}  // namespace jaxc::compiler
