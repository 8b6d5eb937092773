// Records of the elementwise primitives.
#include "compiler/lower/rules.h"
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record neg{evaluators::neg, lowering::unary<ir::Opcode::neg>, elementwise, linear, not_yet("transpose neg")};
const Record sign{evaluators::sign, lowering::sign, elementwise, zero_derivative, not_linear};
const Record nextafter{evaluators::nextafter, lowering::nextafter, elementwise,
                       not_differentiable("JAX defines no derivative"), not_linear};
const Record floor{evaluators::floor, lowering::unary<ir::Opcode::floor>, elementwise, zero_derivative, not_linear};
const Record ceil{evaluators::ceil, lowering::unary<ir::Opcode::ceil>, elementwise, zero_derivative, not_linear};
const Record round{evaluators::round, lowering::round, elementwise, zero_derivative, not_linear};
const Record is_finite{evaluators::is_finite, lowering::is_finite, elementwise, zero_derivative, not_linear};
const Record exp{evaluators::exp, lowering::library, elementwise, not_yet("jvp exp"), not_linear};
const Record exp2{evaluators::exp2, lowering::library, elementwise, not_yet("jvp exp2"), not_linear};
const Record log{evaluators::log, lowering::library, elementwise, not_yet("jvp log"), not_linear};
const Record log2{evaluators::log2, lowering::library, elementwise, not_yet("jvp log2"), not_linear};
const Record expm1{evaluators::expm1, lowering::library, elementwise, not_yet("jvp expm1"), not_linear};
const Record log1p{evaluators::log1p, lowering::library, elementwise, not_yet("jvp log1p"), not_linear};
const Record tanh{evaluators::tanh, lowering::library, elementwise, not_yet("jvp tanh"), not_linear};
const Record logistic{evaluators::logistic, lowering::library, elementwise, not_yet("jvp logistic"), not_linear};
const Record sin{evaluators::sin, lowering::library, elementwise, not_yet("jvp sin"), not_linear};
const Record cos{evaluators::cos, lowering::library, elementwise, not_yet("jvp cos"), not_linear};
const Record tan{evaluators::tan, lowering::library, elementwise, not_yet("jvp tan"), not_linear};
const Record asin{evaluators::asin, lowering::library, elementwise, not_yet("jvp asin"), not_linear};
const Record acos{evaluators::acos, lowering::library, elementwise, not_yet("jvp acos"), not_linear};
const Record atan{evaluators::atan, lowering::library, elementwise, not_yet("jvp atan"), not_linear};
const Record atan2{evaluators::atan2, lowering::library, elementwise, not_yet("jvp atan2"), not_linear};
const Record sinh{evaluators::sinh, lowering::library, elementwise, not_yet("jvp sinh"), not_linear};
const Record cosh{evaluators::cosh, lowering::library, elementwise, not_yet("jvp cosh"), not_linear};
const Record asinh{evaluators::asinh, lowering::library, elementwise, not_yet("jvp asinh"), not_linear};
const Record acosh{evaluators::acosh, lowering::library, elementwise, not_yet("jvp acosh"), not_linear};
const Record atanh{evaluators::atanh, lowering::library, elementwise, not_yet("jvp atanh"), not_linear};
const Record real{evaluators::real, lowering::complex_parts, elementwise, linear, not_yet("transpose real")};
const Record imag{evaluators::imag, lowering::complex_parts, elementwise, linear, not_yet("transpose imag")};
const Record complex{evaluators::complex, lowering::complex_parts, elementwise, linear, not_yet("transpose complex")};
const Record conj{evaluators::conj, lowering::complex_parts, elementwise, linear, not_yet("transpose conj")};
const Record abs{evaluators::abs, lowering::absolute, elementwise, not_yet("jvp abs"), not_linear};
const Record sqrt{evaluators::sqrt, lowering::unary<ir::Opcode::sqrt>, elementwise, not_yet("jvp sqrt"), not_linear};
const Record rsqrt{evaluators::rsqrt, lowering::rsqrt, elementwise, not_yet("jvp rsqrt"), not_linear};
const Record cbrt{evaluators::cbrt, lowering::library, elementwise, not_yet("jvp cbrt"), not_linear};
const Record square{evaluators::square, lowering::square, elementwise, not_yet("jvp square"), not_linear};
const Record pow{evaluators::pow, lowering::pow, elementwise, not_yet("jvp pow"), not_linear};
const Record integer_pow{evaluators::integer_pow, lowering::integer_pow, elementwise, not_yet("jvp integer_pow"),
                         not_linear};
const Record logical_not{evaluators::logical_not, lowering::unary<ir::Opcode::bit_not>, elementwise, zero_derivative,
                         not_linear};
const Record logical_and{evaluators::logical_and, lowering::binary<ir::Opcode::bit_and>, elementwise, zero_derivative,
                         not_linear};
const Record logical_or{evaluators::logical_or, lowering::binary<ir::Opcode::bit_or>, elementwise, zero_derivative,
                        not_linear};
const Record logical_xor{evaluators::logical_xor, lowering::binary<ir::Opcode::bit_xor>, elementwise, zero_derivative,
                         not_linear};
const Record population_count{evaluators::population_count, lowering::population_count, elementwise, zero_derivative,
                              not_linear};
const Record clz{evaluators::clz, lowering::count_leading_zeros, elementwise, zero_derivative, not_linear};
const Record add{evaluators::add, lowering::arithmetic, elementwise, linear, not_yet("transpose add")};
const Record sub{evaluators::sub, lowering::arithmetic, elementwise, linear, not_yet("transpose sub")};
const Record mul{evaluators::mul, lowering::arithmetic, elementwise, bilinear, not_yet("transpose mul")};
const Record mulhi{evaluators::mulhi, lowering::mulhi, elementwise, zero_derivative, not_linear};
const Record div{evaluators::div, lowering::binary<ir::Opcode::div>, elementwise, not_yet("jvp div"),
                 not_yet("transpose div")};
const Record rem{evaluators::rem, lowering::binary<ir::Opcode::rem>, elementwise, not_yet("jvp rem"), not_linear};
const Record max{evaluators::max, lowering::binary<ir::Opcode::max>, elementwise, not_yet("jvp max"), not_linear};
const Record min{evaluators::min, lowering::binary<ir::Opcode::min>, elementwise, not_yet("jvp min"), not_linear};
const Record shift_left{evaluators::shift_left, lowering::binary<ir::Opcode::shift_left>, elementwise, zero_derivative,
                        not_linear};
const Record shift_right_arithmetic{evaluators::shift_right_arithmetic, lowering::shift_right_arithmetic, elementwise,
                                    zero_derivative, not_linear};
const Record shift_right_logical{evaluators::shift_right_logical, lowering::shift_right_logical, elementwise,
                                 zero_derivative, not_linear};
const Record eq{evaluators::eq, lowering::binary<ir::Opcode::eq>, elementwise, zero_derivative, not_linear};
const Record ne{evaluators::ne, lowering::binary<ir::Opcode::ne>, elementwise, zero_derivative, not_linear};
const Record ge{evaluators::ge, lowering::exchanged<ir::Opcode::le>, elementwise, zero_derivative, not_linear};
const Record gt{evaluators::gt, lowering::exchanged<ir::Opcode::lt>, elementwise, zero_derivative, not_linear};
const Record le{evaluators::le, lowering::binary<ir::Opcode::le>, elementwise, zero_derivative, not_linear};
const Record lt{evaluators::lt, lowering::binary<ir::Opcode::lt>, elementwise, zero_derivative, not_linear};
const Record eq_to{evaluators::eq_to, lowering::total<ir::Opcode::eq>, elementwise, zero_derivative, not_linear};
const Record le_to{evaluators::le_to, lowering::total<ir::Opcode::le>, elementwise, zero_derivative, not_linear};
const Record lt_to{evaluators::lt_to, lowering::total<ir::Opcode::lt>, elementwise, zero_derivative, not_linear};
const Record one_minus_square{evaluators::one_minus_square, lowering::one_minus_square, elementwise,
                              not_yet("jvp one_minus_square"), not_linear};
const Record convert_element_type{evaluators::convert_element_type, lowering::convert, elementwise, linear,
                                  not_yet("transpose convert_element_type")};
const Record reduce_precision{evaluators::reduce_precision, lowering::reduce_precision, elementwise, linear,
                              not_yet("transpose reduce_precision")};
const Record clamp{evaluators::clamp, lowering::clamp, elementwise, not_yet("jvp clamp"), not_linear};
const Record select_n{evaluators::select_n, lowering::select_n, elementwise, Linear{~std::uint64_t{1}},
                      not_yet("transpose select_n")};
const Record copy{evaluators::copy, lowering::identity, elementwise, linear, not_yet("transpose copy")};
const Record copy_p{evaluators::copy_p, lowering::identity, elementwise, linear, not_yet("transpose copy_p")};
const Record add_any{evaluators::add_any, lowering::binary<ir::Opcode::add>, elementwise, linear,
                     not_yet("transpose add_any")};
const Record stop_gradient{evaluators::stop_gradient, lowering::identity, elementwise, zero_derivative, not_linear};
const Record zeros_like{evaluators::zeros_like, lowering::zeros_like, elementwise, linear,
                        not_yet("transpose zeros_like")};
const Record lgamma{evaluators::lgamma, lowering::library, elementwise, not_yet("jvp lgamma"), not_linear};
const Record digamma{evaluators::digamma, lowering::library, elementwise, not_yet("jvp digamma"), not_linear};
const Record polygamma{evaluators::polygamma, lowering::library, elementwise, not_yet("jvp polygamma"), not_linear};
const Record igamma{evaluators::igamma, lowering::library, elementwise, not_yet("jvp igamma"), not_linear};
const Record igammac{evaluators::igammac, lowering::library, elementwise, not_yet("jvp igammac"), not_linear};
const Record igamma_grad_a{evaluators::igamma_grad_a, lowering::library, elementwise,
                           not_differentiable("JAX defines no derivative"), not_linear};
const Record random_gamma_grad{evaluators::random_gamma_grad, lowering::library, elementwise,
                               not_differentiable("JAX defines no derivative"), not_linear};
const Record regularized_incomplete_beta{evaluators::regularized_incomplete_beta, lowering::library, elementwise,
                                         not_yet("jvp regularized_incomplete_beta"), not_linear};
const Record bessel_i0e{evaluators::bessel_i0e, lowering::library, elementwise, not_yet("jvp bessel_i0e"), not_linear};
const Record bessel_i1e{evaluators::bessel_i1e, lowering::library, elementwise, not_yet("jvp bessel_i1e"), not_linear};
const Record zeta{evaluators::zeta, lowering::library, elementwise, not_yet("jvp zeta"), not_linear};
const Record erf{evaluators::erf, lowering::library, elementwise, not_yet("jvp erf"), not_linear};
const Record erfc{evaluators::erfc, lowering::library, elementwise, not_yet("jvp erfc"), not_linear};
const Record erf_inv{evaluators::erf_inv, lowering::library, elementwise, not_yet("jvp erf_inv"), not_linear};

}  // namespace jaxc::compiler::records
