// Records of the primitives that read or write at computed places.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record dynamic_slice{evaluators::dynamic_slice, lowering::dynamic_slice, not_yet("batch dynamic_slice"),
                           linear_in({0}), not_yet("transpose dynamic_slice")};
const Record dynamic_update_slice{evaluators::dynamic_update_slice, lowering::dynamic_update_slice,
                                  not_yet("batch dynamic_update_slice"), linear_in({0, 1}),
                                  not_yet("transpose dynamic_update_slice")};
const Record gather{evaluators::gather, lowering::gather, not_yet("batch gather"), linear_in({0}),
                    not_yet("transpose gather")};
const Record scatter{evaluators::scatter, lowering::scatter, not_yet("batch scatter"), not_yet("jvp scatter"),
                     not_yet("transpose scatter")};
const Record scatter_add{evaluators::scatter_add, lowering::scatter, not_yet("batch scatter-add"), linear_in({0, 2}),
                         not_yet("transpose scatter-add")};
const Record scatter_sub{evaluators::scatter_sub, lowering::scatter, not_yet("batch scatter-sub"), linear_in({0, 2}),
                         not_yet("transpose scatter-sub")};
const Record scatter_mul{evaluators::scatter_mul, lowering::scatter, not_yet("batch scatter-mul"),
                         not_yet("jvp scatter-mul"), not_yet("transpose scatter-mul")};
const Record scatter_min{evaluators::scatter_min, lowering::scatter, not_yet("batch scatter-min"),
                         not_yet("jvp scatter-min"), not_linear};
const Record scatter_max{evaluators::scatter_max, lowering::scatter, not_yet("batch scatter-max"),
                         not_yet("jvp scatter-max"), not_linear};

}  // namespace jaxc::compiler::records
