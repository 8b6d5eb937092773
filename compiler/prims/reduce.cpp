// Records of the reductions and prefix folds.
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record reduce{evaluators::reduce, not_yet("lower reduce"), not_yet("batch reduce"), not_yet("jvp reduce"),
                    not_linear};
const Record reduce_sum{evaluators::reduce_sum, not_yet("lower reduce_sum"), not_yet("batch reduce_sum"), linear,
                        not_yet("transpose reduce_sum")};
const Record reduce_prod{evaluators::reduce_prod, not_yet("lower reduce_prod"), not_yet("batch reduce_prod"),
                         not_yet("jvp reduce_prod"), not_linear};
const Record reduce_max{evaluators::reduce_max, not_yet("lower reduce_max"), not_yet("batch reduce_max"),
                        not_yet("jvp reduce_max"), not_linear};
const Record reduce_min{evaluators::reduce_min, not_yet("lower reduce_min"), not_yet("batch reduce_min"),
                        not_yet("jvp reduce_min"), not_linear};
const Record reduce_or{evaluators::reduce_or, not_yet("lower reduce_or"), not_yet("batch reduce_or"), zero_derivative,
                       not_linear};
const Record reduce_and{evaluators::reduce_and, not_yet("lower reduce_and"), not_yet("batch reduce_and"),
                        zero_derivative, not_linear};
const Record reduce_xor{evaluators::reduce_xor, not_yet("lower reduce_xor"), not_yet("batch reduce_xor"),
                        zero_derivative, not_linear};
const Record argmin{evaluators::argmin, not_yet("lower argmin"), not_yet("batch argmin"), zero_derivative, not_linear};
const Record argmax{evaluators::argmax, not_yet("lower argmax"), not_yet("batch argmax"), zero_derivative, not_linear};
const Record cumsum{evaluators::cumsum, not_yet("lower cumsum"), not_yet("batch cumsum"), linear,
                    not_yet("transpose cumsum")};
const Record cumprod{evaluators::cumprod, not_yet("lower cumprod"), not_yet("batch cumprod"), not_yet("jvp cumprod"),
                     not_linear};
const Record cummax{evaluators::cummax, not_yet("lower cummax"), not_yet("batch cummax"), not_yet("jvp cummax"),
                    not_linear};
const Record cummin{evaluators::cummin, not_yet("lower cummin"), not_yet("batch cummin"), not_yet("jvp cummin"),
                    not_linear};
const Record cumlogsumexp{evaluators::cumlogsumexp, not_yet("lower cumlogsumexp"), not_yet("batch cumlogsumexp"),
                          not_yet("jvp cumlogsumexp"), not_linear};

}  // namespace jaxc::compiler::records
