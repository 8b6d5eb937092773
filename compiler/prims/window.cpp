// Records of the primitives that fold a sliding window.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record reduce_window{evaluators::reduce_window, lowering::reduce_window, not_yet("batch reduce_window"),
                           not_yet("jvp reduce_window"), not_linear};
const Record reduce_window_sum{evaluators::reduce_window_sum, lowering::window_fold<ir::Opcode::add>,
                               not_yet("batch reduce_window_sum"), linear, not_yet("transpose reduce_window_sum")};
const Record reduce_window_max{evaluators::reduce_window_max, lowering::window_fold<ir::Opcode::max>,
                               not_yet("batch reduce_window_max"), not_yet("jvp reduce_window_max"), not_linear};
const Record reduce_window_min{evaluators::reduce_window_min, lowering::window_fold<ir::Opcode::min>,
                               not_yet("batch reduce_window_min"), not_yet("jvp reduce_window_min"), not_linear};
const Record select_and_scatter_add{evaluators::select_and_scatter_add, lowering::select_and_scatter_add,
                                    not_yet("batch select_and_scatter_add"), linear_in({0}),
                                    not_yet("transpose select_and_scatter_add")};
const Record select_and_gather_add{evaluators::select_and_gather_add, lowering::select_and_gather_add,
                                   not_yet("batch select_and_gather_add"), linear_in({0}),
                                   not_yet("transpose select_and_gather_add")};
const Record conv_general_dilated{evaluators::conv_general_dilated, lowering::conv_general_dilated,
                                  not_yet("batch conv_general_dilated"), bilinear,
                                  not_yet("transpose conv_general_dilated")};

}  // namespace jaxc::compiler::records
