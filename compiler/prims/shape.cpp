// Records of the primitives that move elements without computing.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record bitcast_convert_type{evaluators::bitcast_convert_type, lowering::bitcast_convert_type,
                                  not_yet("batch bitcast_convert_type"), zero_derivative, not_linear};
const Record broadcast_in_dim{evaluators::broadcast_in_dim, lowering::broadcast_in_dim,
                              not_yet("batch broadcast_in_dim"), linear, not_yet("transpose broadcast_in_dim")};
const Record tile{evaluators::tile, lowering::tile, not_yet("batch tile"), linear, not_yet("transpose tile")};
const Record concatenate{evaluators::concatenate, lowering::concatenate, not_yet("batch concatenate"), linear,
                         not_yet("transpose concatenate")};
const Record stack{evaluators::stack, lowering::stack, not_yet("batch stack"), linear, not_yet("transpose stack")};
const Record unstack{evaluators::unstack, lowering::unstack, not_yet("batch unstack"), linear,
                     not_yet("transpose unstack")};
const Record split{evaluators::split, lowering::split, not_yet("batch split"), linear, not_yet("transpose split")};
const Record pad{evaluators::pad, lowering::pad, not_yet("batch pad"), linear, not_yet("transpose pad")};
const Record squeeze{evaluators::squeeze, lowering::reshape, not_yet("batch squeeze"), linear,
                     not_yet("transpose squeeze")};
const Record expand_dims{evaluators::expand_dims, lowering::reshape, not_yet("batch expand_dims"), linear,
                         not_yet("transpose expand_dims")};
const Record reshape{evaluators::reshape, lowering::reshape, not_yet("batch reshape"), linear,
                     not_yet("transpose reshape")};
const Record rev{evaluators::rev, lowering::rev, not_yet("batch rev"), linear, not_yet("transpose rev")};
const Record transpose{evaluators::transpose, lowering::transpose, not_yet("batch transpose"), linear,
                       not_yet("transpose transpose")};
const Record slice{evaluators::slice, lowering::slice, not_yet("batch slice"), linear, not_yet("transpose slice")};
const Record iota{evaluators::iota, lowering::iota, not_yet("batch iota"), zero_derivative, not_linear};
const Record empty{evaluators::empty, lowering::empty, not_yet("batch empty"), zero_derivative, not_linear};

}  // namespace jaxc::compiler::records
