// Signatures of the elementwise primitives.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

using rules::elementwise;
using rules::predicate;

namespace {

constexpr Interval around_zero{-3, 3};
constexpr Interval positive{0.1, 4};
constexpr Interval above_one{1.05, 4};
constexpr Interval inside_one{-0.95, 0.95};
constexpr Interval divisor{0.5, 4};
constexpr Interval shift_amount{0, 7};
constexpr Interval shape_parameter{0.2, 6};

// add, sub and mul may name another dtype for their result.
Types arithmetic(const TypeQuery& query) {
  Types types = elementwise(query);
  const DType result = query.parameters().optional_dtype("out_dtype").value_or(types[0].dtype);
  require_holds(query, "out_dtype", result, types[0].dtype);
  types[0].dtype = result;
  return types;
}

// Cotangents of integers are float0; keys have none.
Types cotangent_sum(const TypeQuery& query) {
  query.require(query.operands[0].dtype != DType::key, "operands must be numbers or float0, got {}",
                name(query.operands[0].dtype));
  return elementwise(query);
}

Types real_part(const TypeQuery& query) {
  return {{real_dtype(query.operands[0].dtype), query.operands[0].shape}};
}

Types make_complex(const TypeQuery& query) {
  require_same_dtype(query);
  return {{complex_dtype(query, query.operands[0].dtype), broadcast_shape(query)}};
}

Types conjugate(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  return {{is_complex(operand.dtype) ? operand.dtype : complex_dtype(query, operand.dtype), operand.shape}};
}

// The exponent may be an integer.
Types power(const TypeQuery& query) {
  const DType exponent = query.operands[1].dtype;
  query.require(exponent == query.operands[0].dtype || is_integer(exponent),
                "the exponent must be an integer or have the base's dtype {}, got {}", name(query.operands[0].dtype),
                name(exponent));
  return {{query.operands[0].dtype, broadcast_shape(query)}};
}

Types integer_power(const TypeQuery& query) {
  const std::int64_t exponent = query.parameters().integer("y");
  query.require(exponent >= 0 || !is_integer(query.operands[0].dtype),
                "integers cannot be raised to negative powers, got y={}", exponent);
  return query.operands;
}

Types convert(const TypeQuery& query) {
  const DType to = query.parameters().dtype("new_dtype");
  const DType from = query.operands[0].dtype;
  query.require(contains(dtypes::computable, to) || to == from, "new_dtype must be boolean or a number, got {}",
                name(to));
  query.require(from != DType::key || to == from, "the operand must be boolean or a number, got {}", name(from));
  return {{to, query.operands[0].shape}};
}

Types reduced_precision(const TypeQuery& query) {
  const std::int64_t exponent = query.parameters().integer("exponent_bits");
  const std::int64_t mantissa = query.parameters().integer("mantissa_bits");
  query.require(exponent >= 1, "exponent_bits must be positive, got {}", exponent);
  query.require(mantissa >= 0, "mantissa_bits must not be negative, got {}", mantissa);
  return query.operands;
}

Types rounded(const TypeQuery& query) {
  rounds_to_even(query.parameters());
  return query.operands;
}

Types select(const TypeQuery& query) {
  const Type& which = query.operands[0];
  query.require(which.dtype == DType::boolean || which.dtype == DType::i32, "the selector must be bool or i32, got {}",
                name(which.dtype));
  query.require(which.dtype != DType::boolean || query.operands.size() <= 3,
                "a boolean selector chooses between at most 2 cases, got {}", query.operands.size() - 1);
  for (std::size_t i = 2; i < query.operands.size(); ++i) {
    query.require(query.operands[i].dtype == query.operands[1].dtype, "cases must have one dtype, got {} and {}",
                  name(query.operands[1].dtype), name(query.operands[i].dtype));
  }
  return {{query.operands[1].dtype, broadcast_shape(query)}};
}

Types clamped(const TypeQuery& query) {
  require_same_dtype(query);
  const Shape& shape = query.operands[1].shape;
  query.require(broadcast_shape(query) == shape, "bounds must be scalars or have the operand's shape {}, got {} and {}",
                to_string(shape), to_string(query.operands[0].shape), to_string(query.operands[2].shape));
  return {query.operands[1]};
}

}  // namespace

namespace signatures {

const Signature neg{elementwise, {dtypes::numbers, 1}};
const Signature sign{elementwise, {dtypes::numbers, 1}};
const Signature nextafter{elementwise, {dtypes::floats, 2}};
const Signature floor{elementwise, {dtypes::floats, 1}};
const Signature ceil{elementwise, {dtypes::floats, 1}};
const Signature round{rounded, {dtypes::floats, 1}};
const Signature is_finite{predicate, {dtypes::floats, 1}};
const Signature exp{elementwise, {dtypes::inexact, 1}};
const Signature exp2{elementwise, {dtypes::inexact, 1}};
const Signature log{elementwise, {dtypes::inexact, 1, {positive}}};
const Signature log2{elementwise, {dtypes::inexact, 1, {positive}}};
const Signature expm1{elementwise, {dtypes::inexact, 1}};
const Signature log1p{elementwise, {dtypes::inexact, 1, {Interval{-0.9, 4}}}};
const Signature tanh{elementwise, {dtypes::inexact, 1}};
const Signature logistic{elementwise, {dtypes::inexact, 1}};
const Signature sin{elementwise, {dtypes::inexact, 1}};
const Signature cos{elementwise, {dtypes::inexact, 1}};
const Signature tan{elementwise, {dtypes::inexact, 1, {Interval{-1.4, 1.4}}}};
const Signature asin{elementwise, {dtypes::inexact, 1, {inside_one}}};
const Signature acos{elementwise, {dtypes::inexact, 1, {inside_one}}};
const Signature atan{elementwise, {dtypes::inexact, 1}};
const Signature atan2{elementwise, {dtypes::inexact, 2, {around_zero, divisor}}};
const Signature sinh{elementwise, {dtypes::inexact, 1}};
const Signature cosh{elementwise, {dtypes::inexact, 1}};
const Signature asinh{elementwise, {dtypes::inexact, 1}};
const Signature acosh{elementwise, {dtypes::inexact, 1, {above_one}}};
const Signature atanh{elementwise, {dtypes::inexact, 1, {inside_one}}};
const Signature real{real_part, {dtypes::complexes, 1}};
const Signature imag{real_part, {dtypes::complexes, 1}};
const Signature complex{make_complex, {dtypes::floats, 2}};
const Signature conj{conjugate, {dtypes::inexact, 1}};
const Signature abs{real_part, {dtypes::numbers, 1}};
const Signature sqrt{elementwise, {dtypes::inexact, 1, {positive}}};
const Signature rsqrt{elementwise, {dtypes::inexact, 1, {positive}}};
const Signature cbrt{elementwise, {dtypes::floats, 1, {positive}}};
const Signature square{elementwise, {dtypes::numbers, 1}};
const Signature pow{power, {dtypes::inexact, 2, {positive, around_zero}}};
const Signature integer_pow{integer_power, {dtypes::numbers, 1, {divisor}}};
const Signature logical_not{elementwise, {dtypes::bits, 1}};
const Signature logical_and{elementwise, {dtypes::bits, 2}};
const Signature logical_or{elementwise, {dtypes::bits, 2}};
const Signature logical_xor{elementwise, {dtypes::bits, 2}};
const Signature population_count{elementwise, {dtypes::integers, 1}};
const Signature clz{elementwise, {dtypes::integers, 1}};
const Signature add{arithmetic, {dtypes::numbers, 2}};
const Signature sub{arithmetic, {dtypes::numbers, 2}};
const Signature mul{arithmetic, {dtypes::numbers, 2}};
const Signature mulhi{elementwise, {dtypes::integers, 2}};
const Signature div{elementwise, {dtypes::numbers, 2, {around_zero, divisor}}};
const Signature rem{elementwise, {dtypes::real_numbers, 2, {around_zero, divisor}}};
const Signature max{elementwise, {dtypes::computable, 2}};
const Signature min{elementwise, {dtypes::computable, 2}};
const Signature shift_left{elementwise, {dtypes::integers, 2, {around_zero, shift_amount}}};
const Signature shift_right_arithmetic{elementwise, {dtypes::integers, 2, {around_zero, shift_amount}}};
const Signature shift_right_logical{elementwise, {dtypes::integers, 2, {around_zero, shift_amount}}};
const Signature eq{predicate, {dtypes::any, 2}};
const Signature ne{predicate, {dtypes::any, 2}};
const Signature ge{predicate, {dtypes::ordered, 2}};
const Signature gt{predicate, {dtypes::ordered, 2}};
const Signature le{predicate, {dtypes::ordered, 2}};
const Signature lt{predicate, {dtypes::ordered, 2}};
const Signature eq_to{predicate, {dtypes::ordered, 2}};
const Signature le_to{predicate, {dtypes::ordered, 2}};
const Signature lt_to{predicate, {dtypes::ordered, 2}};
const Signature one_minus_square{elementwise, {dtypes::numbers, 1}};
const Signature convert_element_type{convert, {dtypes::any, 1}};
const Signature reduce_precision{reduced_precision, {dtypes::floats, 1}};
const Signature clamp{clamped, {dtypes::computable, 3, {Interval{-1, -0.5}, around_zero, Interval{0.5, 1}}}};
const Signature select_n{select, {dtypes::bits, OperandCount::at_least(2), {Interval{0, 1}, around_zero, around_zero}}};
const Signature copy{rules::unchanged, {dtypes::any, 1}};
const Signature copy_p{rules::unchanged, {dtypes::any, 1}};
const Signature add_any{cotangent_sum, {dtypes::numbers | dtypes::keys, 2}};
const Signature stop_gradient{rules::unchanged, {dtypes::any, 1}};
const Signature zeros_like{rules::unchanged, {dtypes::any, 1}};
const Signature lgamma{elementwise, {dtypes::floats, 1, {positive}}};
const Signature digamma{elementwise, {dtypes::floats, 1, {positive}}};
const Signature polygamma{elementwise, {dtypes::floats, 2, {Interval{0, 3}, positive}}};
const Signature igamma{elementwise, {dtypes::floats, 2, {shape_parameter, positive}}};
const Signature igammac{elementwise, {dtypes::floats, 2, {shape_parameter, positive}}};
const Signature igamma_grad_a{elementwise, {dtypes::floats, 2, {shape_parameter, positive}}};
const Signature random_gamma_grad{elementwise, {dtypes::floats, 2, {shape_parameter, positive}}};
const Signature regularized_incomplete_beta{
    elementwise, {dtypes::floats, 3, {shape_parameter, shape_parameter, Interval{0.05, 0.95}}}};
const Signature bessel_i0e{elementwise, {dtypes::floats, 1}};
const Signature bessel_i1e{elementwise, {dtypes::floats, 1}};
const Signature zeta{elementwise, {dtypes::floats, 2, {Interval{1.5, 6}, positive}}};
const Signature erf{elementwise, {dtypes::floats, 1}};
const Signature erfc{elementwise, {dtypes::floats, 1}};
const Signature erf_inv{elementwise, {dtypes::floats, 1, {inside_one}}};

}  // namespace signatures

}  // namespace jaxc::ir
