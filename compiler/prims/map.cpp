// Records of the elementwise primitives.
#include "compiler/prims/record.h"

namespace jaxc::compiler::records {

// evaluate, lower, batch, jvp, transpose
const Record neg{evaluators::neg, not_yet("lower neg"), elementwise, linear, not_yet("transpose neg")};
const Record sign{evaluators::sign, not_yet("lower sign"), elementwise, zero_derivative, not_linear};
const Record nextafter{evaluators::nextafter, not_yet("lower nextafter"), elementwise,
                       not_differentiable("JAX defines no derivative"), not_linear};
const Record floor{evaluators::floor, not_yet("lower floor"), elementwise, zero_derivative, not_linear};
const Record ceil{evaluators::ceil, not_yet("lower ceil"), elementwise, zero_derivative, not_linear};
const Record round{evaluators::round, not_yet("lower round"), elementwise, zero_derivative, not_linear};
const Record is_finite{evaluators::is_finite, not_yet("lower is_finite"), elementwise, zero_derivative, not_linear};
const Record exp{evaluators::exp, not_yet("lower exp"), elementwise, not_yet("jvp exp"), not_linear};
const Record exp2{evaluators::exp2, not_yet("lower exp2"), elementwise, not_yet("jvp exp2"), not_linear};
const Record log{evaluators::log, not_yet("lower log"), elementwise, not_yet("jvp log"), not_linear};
const Record log2{evaluators::log2, not_yet("lower log2"), elementwise, not_yet("jvp log2"), not_linear};
const Record expm1{evaluators::expm1, not_yet("lower expm1"), elementwise, not_yet("jvp expm1"), not_linear};
const Record log1p{evaluators::log1p, not_yet("lower log1p"), elementwise, not_yet("jvp log1p"), not_linear};
const Record tanh{evaluators::tanh, not_yet("lower tanh"), elementwise, not_yet("jvp tanh"), not_linear};
const Record logistic{evaluators::logistic, not_yet("lower logistic"), elementwise, not_yet("jvp logistic"),
                      not_linear};
const Record sin{evaluators::sin, not_yet("lower sin"), elementwise, not_yet("jvp sin"), not_linear};
const Record cos{evaluators::cos, not_yet("lower cos"), elementwise, not_yet("jvp cos"), not_linear};
const Record tan{evaluators::tan, not_yet("lower tan"), elementwise, not_yet("jvp tan"), not_linear};
const Record asin{evaluators::asin, not_yet("lower asin"), elementwise, not_yet("jvp asin"), not_linear};
const Record acos{evaluators::acos, not_yet("lower acos"), elementwise, not_yet("jvp acos"), not_linear};
const Record atan{evaluators::atan, not_yet("lower atan"), elementwise, not_yet("jvp atan"), not_linear};
const Record atan2{evaluators::atan2, not_yet("lower atan2"), elementwise, not_yet("jvp atan2"), not_linear};
const Record sinh{evaluators::sinh, not_yet("lower sinh"), elementwise, not_yet("jvp sinh"), not_linear};
const Record cosh{evaluators::cosh, not_yet("lower cosh"), elementwise, not_yet("jvp cosh"), not_linear};
const Record asinh{evaluators::asinh, not_yet("lower asinh"), elementwise, not_yet("jvp asinh"), not_linear};
const Record acosh{evaluators::acosh, not_yet("lower acosh"), elementwise, not_yet("jvp acosh"), not_linear};
const Record atanh{evaluators::atanh, not_yet("lower atanh"), elementwise, not_yet("jvp atanh"), not_linear};
const Record real{evaluators::real, not_yet("lower real"), elementwise, linear, not_yet("transpose real")};
const Record imag{evaluators::imag, not_yet("lower imag"), elementwise, linear, not_yet("transpose imag")};
const Record complex{evaluators::complex, not_yet("lower complex"), elementwise, linear, not_yet("transpose complex")};
const Record conj{evaluators::conj, not_yet("lower conj"), elementwise, linear, not_yet("transpose conj")};
const Record abs{evaluators::abs, not_yet("lower abs"), elementwise, not_yet("jvp abs"), not_linear};
const Record sqrt{evaluators::sqrt, not_yet("lower sqrt"), elementwise, not_yet("jvp sqrt"), not_linear};
const Record rsqrt{evaluators::rsqrt, not_yet("lower rsqrt"), elementwise, not_yet("jvp rsqrt"), not_linear};
const Record cbrt{evaluators::cbrt, not_yet("lower cbrt"), elementwise, not_yet("jvp cbrt"), not_linear};
const Record square{evaluators::square, not_yet("lower square"), elementwise, not_yet("jvp square"), not_linear};
const Record pow{evaluators::pow, not_yet("lower pow"), elementwise, not_yet("jvp pow"), not_linear};
const Record integer_pow{evaluators::integer_pow, not_yet("lower integer_pow"), elementwise, not_yet("jvp integer_pow"),
                         not_linear};
const Record logical_not{evaluators::logical_not, not_yet("lower not"), elementwise, zero_derivative, not_linear};
const Record logical_and{evaluators::logical_and, not_yet("lower and"), elementwise, zero_derivative, not_linear};
const Record logical_or{evaluators::logical_or, not_yet("lower or"), elementwise, zero_derivative, not_linear};
const Record logical_xor{evaluators::logical_xor, not_yet("lower xor"), elementwise, zero_derivative, not_linear};
const Record population_count{evaluators::population_count, not_yet("lower population_count"), elementwise,
                              zero_derivative, not_linear};
const Record clz{evaluators::clz, not_yet("lower clz"), elementwise, zero_derivative, not_linear};
const Record add{evaluators::add, not_yet("lower add"), elementwise, linear, not_yet("transpose add")};
const Record sub{evaluators::sub, not_yet("lower sub"), elementwise, linear, not_yet("transpose sub")};
const Record mul{evaluators::mul, not_yet("lower mul"), elementwise, bilinear, not_yet("transpose mul")};
const Record mulhi{evaluators::mulhi, not_yet("lower mulhi"), elementwise, zero_derivative, not_linear};
const Record div{evaluators::div, not_yet("lower div"), elementwise, not_yet("jvp div"), not_yet("transpose div")};
const Record rem{evaluators::rem, not_yet("lower rem"), elementwise, not_yet("jvp rem"), not_linear};
const Record max{evaluators::max, not_yet("lower max"), elementwise, not_yet("jvp max"), not_linear};
const Record min{evaluators::min, not_yet("lower min"), elementwise, not_yet("jvp min"), not_linear};
const Record shift_left{evaluators::shift_left, not_yet("lower shift_left"), elementwise, zero_derivative, not_linear};
const Record shift_right_arithmetic{evaluators::shift_right_arithmetic, not_yet("lower shift_right_arithmetic"),
                                    elementwise, zero_derivative, not_linear};
const Record shift_right_logical{evaluators::shift_right_logical, not_yet("lower shift_right_logical"), elementwise,
                                 zero_derivative, not_linear};
const Record eq{evaluators::eq, not_yet("lower eq"), elementwise, zero_derivative, not_linear};
const Record ne{evaluators::ne, not_yet("lower ne"), elementwise, zero_derivative, not_linear};
const Record ge{evaluators::ge, not_yet("lower ge"), elementwise, zero_derivative, not_linear};
const Record gt{evaluators::gt, not_yet("lower gt"), elementwise, zero_derivative, not_linear};
const Record le{evaluators::le, not_yet("lower le"), elementwise, zero_derivative, not_linear};
const Record lt{evaluators::lt, not_yet("lower lt"), elementwise, zero_derivative, not_linear};
const Record eq_to{evaluators::eq_to, not_yet("lower eq_to"), elementwise, zero_derivative, not_linear};
const Record le_to{evaluators::le_to, not_yet("lower le_to"), elementwise, zero_derivative, not_linear};
const Record lt_to{evaluators::lt_to, not_yet("lower lt_to"), elementwise, zero_derivative, not_linear};
const Record one_minus_square{evaluators::one_minus_square, not_yet("lower one_minus_square"), elementwise,
                              not_yet("jvp one_minus_square"), not_linear};
const Record convert_element_type{evaluators::convert_element_type, not_yet("lower convert_element_type"), elementwise,
                                  linear, not_yet("transpose convert_element_type")};
const Record reduce_precision{evaluators::reduce_precision, not_yet("lower reduce_precision"), elementwise, linear,
                              not_yet("transpose reduce_precision")};
const Record clamp{evaluators::clamp, not_yet("lower clamp"), elementwise, not_yet("jvp clamp"), not_linear};
const Record select_n{evaluators::select_n, not_yet("lower select_n"), elementwise, Linear{~std::uint64_t{1}},
                      not_yet("transpose select_n")};
const Record copy{evaluators::copy, not_yet("lower copy"), elementwise, linear, not_yet("transpose copy")};
const Record copy_p{evaluators::copy_p, not_yet("lower copy_p"), elementwise, linear, not_yet("transpose copy_p")};
const Record add_any{evaluators::add_any, not_yet("lower add_any"), elementwise, linear, not_yet("transpose add_any")};
const Record stop_gradient{evaluators::stop_gradient, not_yet("lower stop_gradient"), elementwise, zero_derivative,
                           not_linear};
const Record zeros_like{evaluators::zeros_like, not_yet("lower zeros_like"), elementwise, linear,
                        not_yet("transpose zeros_like")};
const Record lgamma{evaluators::lgamma, not_yet("lower lgamma"), elementwise, not_yet("jvp lgamma"), not_linear};
const Record digamma{evaluators::digamma, not_yet("lower digamma"), elementwise, not_yet("jvp digamma"), not_linear};
const Record polygamma{evaluators::polygamma, not_yet("lower polygamma"), elementwise, not_yet("jvp polygamma"),
                       not_linear};
const Record igamma{evaluators::igamma, not_yet("lower igamma"), elementwise, not_yet("jvp igamma"), not_linear};
const Record igammac{evaluators::igammac, not_yet("lower igammac"), elementwise, not_yet("jvp igammac"), not_linear};
const Record igamma_grad_a{evaluators::igamma_grad_a, not_yet("lower igamma_grad_a"), elementwise,
                           not_differentiable("JAX defines no derivative"), not_linear};
const Record random_gamma_grad{evaluators::random_gamma_grad, not_yet("lower random_gamma_grad"), elementwise,
                               not_differentiable("JAX defines no derivative"), not_linear};
const Record regularized_incomplete_beta{evaluators::regularized_incomplete_beta,
                                         not_yet("lower regularized_incomplete_beta"), elementwise,
                                         not_yet("jvp regularized_incomplete_beta"), not_linear};
const Record bessel_i0e{evaluators::bessel_i0e, not_yet("lower bessel_i0e"), elementwise, not_yet("jvp bessel_i0e"),
                        not_linear};
const Record bessel_i1e{evaluators::bessel_i1e, not_yet("lower bessel_i1e"), elementwise, not_yet("jvp bessel_i1e"),
                        not_linear};
const Record zeta{evaluators::zeta, not_yet("lower zeta"), elementwise, not_yet("jvp zeta"), not_linear};
const Record erf{evaluators::erf, not_yet("lower erf"), elementwise, not_yet("jvp erf"), not_linear};
const Record erfc{evaluators::erfc, not_yet("lower erfc"), elementwise, not_yet("jvp erfc"), not_linear};
const Record erf_inv{evaluators::erf_inv, not_yet("lower erf_inv"), elementwise, not_yet("jvp erf_inv"), not_linear};

}  // namespace jaxc::compiler::records
