// group_batches: small matrices of a large batch go through a whole sequence of computations one after the other.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// The same function, with factorizations and solves of many small matrices, and the nests beside them that keep the
/// batch's axis apart, put into one loop of a single step whose elements do not interact. A planner that runs such a
/// loop in lanes then keeps each matrix in registers from its first read to its last store. Batches are looked for in
/// the program and in its loops over blocks of steps.
ir::Program group_batches(const ir::Program& program);

}  // namespace jaxc::compiler
