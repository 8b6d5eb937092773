// Records of keys and random bits.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record random_seed{evaluators::random_seed, lowering::random_seed, not_yet("batch random_seed"), zero_derivative,
                         not_linear};
const Record random_split{evaluators::random_split, lowering::random_split, not_yet("batch random_split"),
                          zero_derivative, not_linear};
const Record random_fold_in{evaluators::random_fold_in, lowering::random_fold_in, elementwise, zero_derivative,
                            not_linear};
const Record random_bits{evaluators::random_bits, lowering::random_bits, not_yet("batch random_bits"), zero_derivative,
                         not_linear};
const Record random_gamma{evaluators::random_gamma, lowering::random_gamma, not_yet("batch random_gamma"),
                          not_yet("jvp random_gamma"), not_linear};
const Record random_wrap{evaluators::random_wrap, lowering::random_wrap, not_yet("batch random_wrap"), zero_derivative,
                         not_linear};
const Record random_unwrap{evaluators::random_unwrap, lowering::random_unwrap, not_yet("batch random_unwrap"),
                           zero_derivative, not_linear};
const Record threefry2x32{evaluators::threefry2x32, lowering::threefry2x32, elementwise, zero_derivative, not_linear};
const Record rng_bit_generator{evaluators::rng_bit_generator, lowering::rng_bit_generator,
                               not_yet("batch rng_bit_generator"), zero_derivative, not_linear};

}  // namespace jaxc::compiler::records
