// The table of one kind of processor.
#include "backends/llvm/runtime/dense/product.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

extern const DenseRoutines routines;
const DenseRoutines routines = {&product};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
