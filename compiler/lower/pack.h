// pack: what a nest's lanes would pick from rows of few elements, again and again, is transposed before the nest.
#pragma once

#include "ir/program.h"

namespace jaxc::compiler {

/// The same function, where a nest that reads an array many times over along its long dimension, with rows of few
/// elements behind it (the coordinates of points), reads a transposed copy: its lanes then load neighbours. Nests in
/// loops whose elements do not interact stay as they are.
ir::Program pack(const ir::Program& program);

}  // namespace jaxc::compiler
