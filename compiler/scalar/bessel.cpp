// The exponentially scaled modified Bessel functions of the first kind, orders 0 and 1.
#include <initializer_list>
#include <vector>

#include "compiler/scalar/exponential.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// From here on, the expansion in 1 / x.
double threshold(const Format& format) {
  return format.pick(8, 16);
}

/// exp(-a) near(a^2 / 4) below the threshold, far(1 / a) / sqrt(a) above. What rounding a^2 / 4 = z loses counts, for
/// the logarithmic derivative of `near` by z is about 2 / (a + offset).
Scalar scaled(Scalar a, DoubleWord (*near)(Scalar), DoubleWord (*far)(Scalar), double offset) {
  const double bound = threshold(Format(a));
  const Scalar small = select(a < bound, a, bound);
  const Scalar large = select(a < bound, bound, a);
  const DoubleWord square = two_product(small, small);
  const UnscaledExponential power = unscaled_exponential(-small, like(a, 0));
  const DoubleWord series = near(0.25 * square.high);
  const Scalar lost = mul_add(power.value.high, 0.5 * square.low / (small + offset), power.value.low);
  const DoubleWord product = two_product(series.high, power.value.high);
  const Scalar correction = mul_add(series.high, lost, mul_add(series.low, power.value.high, product.low));
  const Scalar inside = scale(product.high + correction, power.bits);
  // The root's own rounding is (large - root^2) / (2 large) of it; far's value is near 1 / sqrt(2 pi).
  const Scalar inverse = 1.0 / large;
  const Scalar root = sqrt(large);
  const DoubleWord factor = far(inverse);
  const Scalar quotient = factor.high / root;
  const Scalar relative = mul_add(factor.low, 2.5066282746310002, fma(-root, root, large) * inverse * -0.5);
  const Scalar outside = mul_add(relative, quotient, quotient);
  const Scalar value = select(a < bound, inside, select(a < infinity, outside, 0.0));
  return select(is_nan(a), a, value);
}

/// c[0] + c[1] z + c[2] z^2 + ..., by Horner's rule, the last steps in double words: their terms are the large ones.
DoubleWord series(Scalar z, std::initializer_list<double> single, std::initializer_list<double> other) {
  const Format format(z);
  const std::vector<double> coefficients = format.is_single ? single : other;
  const std::size_t steps = format.is_single ? 4 : 8;
  Scalar tail = like(z, coefficients.back());
  for (std::size_t k = coefficients.size() - 1; k-- > steps;) tail = mul_add(tail, z, coefficients[k]);
  DoubleWord sum{tail, tail};
  for (std::size_t k = steps; k-- > 0;) {
    const double high = format.pick(static_cast<float>(coefficients[k]), coefficients[k]);
    const DoubleWord product = two_product(z, sum.high);
    const DoubleWord total = two_sum(product.high, like(z, high));
    const Scalar lost = total.low + (product.low + (coefficients[k] - high));
    sum = {total.high, k + 1 == steps ? lost : mul_add(z, sum.low, lost)};
  }
  return sum;
}

/// 1 / sqrt(2 pi) + t q.
DoubleWord plus_multiple(Scalar t, Scalar q) {
  const Format format(t);
  const double high = format.pick(0x1.988454p-2, 0x1.9884533d43651p-2);
  const double low = format.pick(-0x1.857936p-27, -0x1.cbc0d30ebfd15p-56);
  return fast_two_sum(like(t, high), mul_add(t, q, low));
}

/// I0 as a series in a^2 / 4, and its asymptotic form.
DoubleWord near_of_order_zero(Scalar z) {
  return series(z,
                {1.0, 0.9999999918614652, 0.25000003459172937, 0.027777725561129788, 0.001736148652361084,
                 6.942960843942471e-05, 1.9324923120090025e-06, 3.886511008777981e-08, 6.599196409536113e-10,
                 5.220148899643651e-12, 1.4225418927531265e-13},
                {1.0,
                 1.0,
                 0.25,
                 0.027777777777777776,
                 0.001736111111111111,
                 6.944444444444458e-05,
                 1.9290123456789565e-06,
                 3.9367598891424385e-08,
                 6.151187326750033e-10,
                 7.594058428615683e-12,
                 7.594058422564499e-14,
                 6.2760813943226055e-16,
                 4.358389489134599e-18,
                 2.5789306973754428e-20,
                 1.3157722755160866e-22,
                 5.848177426120122e-25,
                 2.283614506928797e-27,
                 7.919990674665328e-30,
                 2.412920234088917e-32,
                 7.10845523921829e-35,
                 1.3421634601283986e-37,
                 6.317096937552542e-40,
                 -3.997773377252829e-43,
                 4.730319409810788e-45});
}

DoubleWord far_of_order_zero(Scalar t) {
  return plus_multiple(
      t, polynomial_of(
             t,
             {0.049867418933779405, 0.02809482470710992, 0.02725066567484631, 0.08512931053581234, -0.30565235319048784,
              1.827732695483112},
             {0.049867785050182245, 0.028050629087478164, 0.029219406615358393, 0.04474193840458264,
              0.09063758244671823, 0.22560328335952812, 0.8407495659158981, -3.2294476877602403, 155.4334891182065,
              -2513.0841520857884, 29510.39097841972, -197753.31228772813, 626377.587920722}));
}

/// I1(a) / a as a series in a^2 / 4, and its asymptotic form.
DoubleWord near_of_order_one(Scalar z) {
  return series(z,
                {0.5, 0.2499999992915153, 0.04166666923085361, 0.0034722188148009515, 0.00017361332205485122,
                 5.786233414964267e-06, 1.379625184138923e-07, 2.4364930932126765e-09, 3.6210792712482995e-11,
                 2.7599503250766536e-13, 6.257181264312782e-15},
                {0.5,
                 0.25,
                 0.041666666666666664,
                 0.003472222222222222,
                 0.0001736111111111111,
                 5.787037037037043e-06,
                 1.3778659611992722e-07,
                 2.460474930713613e-09,
                 3.4173262926458435e-11,
                 3.7970292142203976e-13,
                 3.4518447383703787e-15,
                 2.6150339080304373e-17,
                 1.6763036863264775e-19,
                 9.210465082804226e-22,
                 4.385913793391314e-24,
                 1.8275373720126883e-26,
                 6.716929821690687e-29,
                 2.1992429791476807e-31,
                 6.360383785267073e-34,
                 1.765828020108301e-36,
                 3.2837002270097096e-39,
                 1.3882585513046734e-41,
                 -7.115183095244112e-45,
                 9.611881995631973e-47});
}

DoubleWord far_of_order_one(Scalar t) {
  return plus_multiple(
      t, polynomial_of(
             t,
             {-0.1496029310615278, -0.046801838962551745, -0.038659034707292025, -0.10340640232342753,
              0.33763745203857193, -2.0761271683638194},
             {-0.14960335515054068, -0.04675104848102387, -0.04090716884264763, -0.05752540659382329,
              -0.11077421057606603, -0.26692335447482257, -0.9576757877196254, 3.301707257029751, -166.50513189437265,
              2678.3265412737924, -31430.72250495235, 210265.16643317768, -665514.2863021145}));
}

Scalar order_zero(Scalar x) {
  return scaled(abs(x), near_of_order_zero, far_of_order_zero, 0.9);
}

Scalar order_one(Scalar x) {
  const Scalar a = abs(x);
  const Scalar factor = select(a < threshold(Format(x)), a, 1.0);
  return with_sign(factor * scaled(a, near_of_order_one, far_of_order_one, 2), sign_of(x));
}

}  // namespace

std::vector<FunctionRow> bessel_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "bessel_i0e", order_zero);
  add_float_rows(rows, "bessel_i1e", order_one);
  return rows;
}

}  // namespace jaxc::compiler
