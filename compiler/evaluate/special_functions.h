// Special functions in extended precision, by series and continued fractions.
#pragma once

namespace jaxc::compiler::special {

/// The derivative of log Gamma. NaN at 0 and the negative integers.
long double digamma(long double x);
/// Hurwitz's zeta function: the sum of (q + k)^-s over k >= 0.
long double zeta(long double s, long double q);
/// The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x).
long double polygamma(long double n, long double x);
/// The regularized lower incomplete gamma function P(a, x), and its complement Q.
long double incomplete_gamma(long double a, long double x);
long double incomplete_gamma_complement(long double a, long double x);
/// dP(a, x) / da.
long double incomplete_gamma_derivative(long double a, long double x);
/// dx / da of a sample x of the gamma distribution with shape a: -(dP/da) / (dP/dx).
long double gamma_sample_derivative(long double a, long double x);
/// The regularized incomplete beta function I_x(a, b).
long double incomplete_beta(long double a, long double b, long double x);
/// exp(-|x|) I_order(x), for order 0 or 1.
long double scaled_bessel_i(int order, long double x);
/// The inverse of erf.
long double inverse_error_function(long double x);

}  // namespace jaxc::compiler::special
