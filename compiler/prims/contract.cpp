// Records of dot_general.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record dot_general{evaluators::dot_general, lowering::dot_general, not_yet("batch dot_general"), bilinear,
                         not_yet("transpose dot_general")};

}  // namespace jaxc::compiler::records
