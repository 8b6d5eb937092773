// The lowering rules that primitives' records name, by the file that holds them.
#pragma once

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

using ir::Equation;

// ---- map.cpp: elementwise.

/// The value, in compute_dtype, of real operands.
using RealRule = ir::OpId (*)(Lowering&, ir::RegionBuilder&, const Equation&, std::span<const ir::OpId>);
/// Lowers by `rule` where every operand is real, and by complex_value otherwise.
void map(Lowering& lowering, const Equation& equation, RealRule rule);

template <ir::Opcode opcode>
void unary(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, ir::RegionBuilder& builder, const Equation&, std::span<const ir::OpId> values) {
    return builder.unary(opcode, values[0]);
  });
}
template <ir::Opcode opcode>
void binary(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, ir::RegionBuilder& builder, const Equation&, std::span<const ir::OpId> values) {
    return builder.binary(opcode, values[0], values[1]);
  });
}
/// A comparison with its operands exchanged: a >= b is b <= a.
template <ir::Opcode opcode>
void exchanged(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, ir::RegionBuilder& builder, const Equation&, std::span<const ir::OpId> values) {
    return builder.binary(opcode, values[1], values[0]);
  });
}
/// A comparison in the total order of floats: -NaN < -inf < ... < -0 < 0 < ... < inf < NaN.
void total_order(Lowering& lowering, const Equation& equation, ir::Opcode comparison);
template <ir::Opcode opcode>
void total(Lowering& lowering, const Equation& equation) {
  total_order(lowering, equation, opcode);
}
/// The library's function of the primitive's name.
void library(Lowering& lowering, const Equation& equation);
/// add, sub and mul, whose result may have another dtype (out_dtype).
void arithmetic(Lowering& lowering, const Equation& equation);
void sign(Lowering& lowering, const Equation& equation);
void round(Lowering& lowering, const Equation& equation);
void is_finite(Lowering& lowering, const Equation& equation);
void nextafter(Lowering& lowering, const Equation& equation);
void absolute(Lowering& lowering, const Equation& equation);
void rsqrt(Lowering& lowering, const Equation& equation);
void square(Lowering& lowering, const Equation& equation);
void one_minus_square(Lowering& lowering, const Equation& equation);
void pow(Lowering& lowering, const Equation& equation);
void integer_pow(Lowering& lowering, const Equation& equation);
void mulhi(Lowering& lowering, const Equation& equation);
void population_count(Lowering& lowering, const Equation& equation);
void count_leading_zeros(Lowering& lowering, const Equation& equation);
void shift_right_logical(Lowering& lowering, const Equation& equation);
void shift_right_arithmetic(Lowering& lowering, const Equation& equation);
void clamp(Lowering& lowering, const Equation& equation);
void select_n(Lowering& lowering, const Equation& equation);
void convert(Lowering& lowering, const Equation& equation);
void reduce_precision(Lowering& lowering, const Equation& equation);
void zeros_like(Lowering& lowering, const Equation& equation);
/// The outputs are the operands.
void identity(Lowering& lowering, const Equation& equation);

// ---- complex.cpp

/// The value where an operand or the result is complex.
ScalarValue complex_value(Lowering& lowering, ir::RegionBuilder& builder, const Equation& equation,
                          std::span<const ScalarValue> operands);
/// real, imag, complex, conj.
void complex_parts(Lowering& lowering, const Equation& equation);

// ---- shape.cpp

/// Throws Error when a padding is too large for index arithmetic: 2^48 or more.
void require_small(Lowering& lowering, std::int64_t padding);

void broadcast_in_dim(Lowering& lowering, const Equation& equation);
void tile(Lowering& lowering, const Equation& equation);
void concatenate(Lowering& lowering, const Equation& equation);
void stack(Lowering& lowering, const Equation& equation);
void unstack(Lowering& lowering, const Equation& equation);
void split(Lowering& lowering, const Equation& equation);
void pad(Lowering& lowering, const Equation& equation);
void reshape(Lowering& lowering, const Equation& equation);
void rev(Lowering& lowering, const Equation& equation);
void transpose(Lowering& lowering, const Equation& equation);
void slice(Lowering& lowering, const Equation& equation);
void iota(Lowering& lowering, const Equation& equation);
void empty(Lowering& lowering, const Equation& equation);
void bitcast_convert_type(Lowering& lowering, const Equation& equation);

// ---- reduce.cpp

void reduce_by(Lowering& lowering, const Equation& equation, ir::Opcode merge);
template <ir::Opcode opcode>
void fold(Lowering& lowering, const Equation& equation) {
  reduce_by(lowering, equation, opcode);
}
void reduce(Lowering& lowering, const Equation& equation);
void argument_of_extreme(Lowering& lowering, const Equation& equation, bool greatest);
template <bool greatest>
void arg_extreme(Lowering& lowering, const Equation& equation) {
  argument_of_extreme(lowering, equation, greatest);
}
void prefix_fold(Lowering& lowering, const Equation& equation, ir::Opcode merge);
template <ir::Opcode opcode>
void cumulative(Lowering& lowering, const Equation& equation) {
  prefix_fold(lowering, equation, opcode);
}
void cumlogsumexp(Lowering& lowering, const Equation& equation);

// ---- window.cpp

void reduce_window(Lowering& lowering, const Equation& equation);
void window_by(Lowering& lowering, const Equation& equation, ir::Opcode merge);
template <ir::Opcode opcode>
void window_fold(Lowering& lowering, const Equation& equation) {
  window_by(lowering, equation, opcode);
}
void select_and_scatter_add(Lowering& lowering, const Equation& equation);
void select_and_gather_add(Lowering& lowering, const Equation& equation);
void conv_general_dilated(Lowering& lowering, const Equation& equation);

// ---- index.cpp

void dynamic_slice(Lowering& lowering, const Equation& equation);
void dynamic_update_slice(Lowering& lowering, const Equation& equation);
void gather(Lowering& lowering, const Equation& equation);
/// The scatter family; what a store does with the old element follows from the primitive.
void scatter(Lowering& lowering, const Equation& equation);

// ---- contract.cpp

void dot_general(Lowering& lowering, const Equation& equation);

// ---- random.cpp

void random_seed(Lowering& lowering, const Equation& equation);
void random_split(Lowering& lowering, const Equation& equation);
void random_fold_in(Lowering& lowering, const Equation& equation);
void random_bits(Lowering& lowering, const Equation& equation);
/// JAX's rejection sampler, element after element.
void random_gamma(Lowering& lowering, const Equation& equation);
void random_wrap(Lowering& lowering, const Equation& equation);
void random_unwrap(Lowering& lowering, const Equation& equation);
void threefry2x32(Lowering& lowering, const Equation& equation);
void rng_bit_generator(Lowering& lowering, const Equation& equation);

// ---- control.cpp

void scan(Lowering& lowering, const Equation& equation);
void while_loop(Lowering& lowering, const Equation& equation);
void associative_scan(Lowering& lowering, const Equation& equation);
void cond(Lowering& lowering, const Equation& equation);
void platform_index(Lowering& lowering, const Equation& equation);
/// The wrapped jaxpr's equations, or the operands where none is wrapped.
void call(Lowering& lowering, const Equation& equation);
void custom_linear_solve(Lowering& lowering, const Equation& equation);

}  // namespace jaxc::compiler::lowering
