// Records of the reductions and prefix folds.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record reduce{evaluators::reduce, lowering::reduce, not_yet("batch reduce"), not_yet("jvp reduce"), not_linear};
const Record reduce_sum{evaluators::reduce_sum, lowering::fold<ir::Opcode::add>, not_yet("batch reduce_sum"), linear,
                        not_yet("transpose reduce_sum")};
const Record reduce_prod{evaluators::reduce_prod, lowering::fold<ir::Opcode::mul>, not_yet("batch reduce_prod"),
                         not_yet("jvp reduce_prod"), not_linear};
const Record reduce_max{evaluators::reduce_max, lowering::fold<ir::Opcode::max>, not_yet("batch reduce_max"),
                        not_yet("jvp reduce_max"), not_linear};
const Record reduce_min{evaluators::reduce_min, lowering::fold<ir::Opcode::min>, not_yet("batch reduce_min"),
                        not_yet("jvp reduce_min"), not_linear};
const Record reduce_or{evaluators::reduce_or, lowering::fold<ir::Opcode::bit_or>, not_yet("batch reduce_or"),
                       zero_derivative, not_linear};
const Record reduce_and{evaluators::reduce_and, lowering::fold<ir::Opcode::bit_and>, not_yet("batch reduce_and"),
                        zero_derivative, not_linear};
const Record reduce_xor{evaluators::reduce_xor, lowering::fold<ir::Opcode::bit_xor>, not_yet("batch reduce_xor"),
                        zero_derivative, not_linear};
const Record argmin{evaluators::argmin, lowering::arg_extreme<false>, not_yet("batch argmin"), zero_derivative,
                    not_linear};
const Record argmax{evaluators::argmax, lowering::arg_extreme<true>, not_yet("batch argmax"), zero_derivative,
                    not_linear};
const Record cumsum{evaluators::cumsum, lowering::cumulative<ir::Opcode::add>, not_yet("batch cumsum"), linear,
                    not_yet("transpose cumsum")};
const Record cumprod{evaluators::cumprod, lowering::cumulative<ir::Opcode::mul>, not_yet("batch cumprod"),
                     not_yet("jvp cumprod"), not_linear};
const Record cummax{evaluators::cummax, lowering::cumulative<ir::Opcode::max>, not_yet("batch cummax"),
                    not_yet("jvp cummax"), not_linear};
const Record cummin{evaluators::cummin, lowering::cumulative<ir::Opcode::min>, not_yet("batch cummin"),
                    not_yet("jvp cummin"), not_linear};
const Record cumlogsumexp{evaluators::cumlogsumexp, lowering::cumlogsumexp, not_yet("batch cumlogsumexp"),
                          not_yet("jvp cumlogsumexp"), not_linear};

}  // namespace jaxc::compiler::records
