// erf, erfc and erf_inv.
#include "compiler/scalar/double_word.h"
#include "compiler/scalar/exponential.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"
#include "compiler/scalar/logarithm.h"

namespace jaxc::compiler {

namespace {

/// erf(a) / a - 1 for a in [0, 1], z = a^2.
Scalar error_function_polynomial(Scalar z) {
  return polynomial_of(
      z,
      {0.12837916612625122, -0.3761262595653534, 0.11283578723669052, -0.02685335837304592, 0.005187210161238909,
       -0.000799850036855787, 7.809700764482841e-05},
      {0.12837916709551256, -0.37612638903183343, 0.11283791670936948, -0.026866170641952042, 0.005223977596593648,
       -0.000854832547328744, 0.0001205527998321025, -1.4924452432517577e-05, 1.6443944656395959e-06,
       -1.6182077590330355e-07, 1.360695060959549e-08, -7.586865183261449e-10});
}

/// erfc(a) for a >= 1/2: exp(-a^2) R(t) / (1 + 2 a) with t = (a - c) / (a + c) (after Shepherd and Laframboise 1981),
/// what each step rounds off gathered into one correction.
Scalar complementary_of_large(Scalar a) {
  const Format format(a);
  const double center = format.pick(3, 4);
  const Scalar bounded = select(a > format.pick(10.25, 27.5), format.pick(10.25, 27.5), a);
  const DoubleWord square = two_product(bounded, bounded);
  const UnscaledExponential power = unscaled_exponential(-square.high, -square.low);
  const Scalar t = (bounded - center) / (bounded + center);
  // R(t) = first + (low + t Q(t)).
  const double first = format.pick(1.2530080080032349, 1.2329951186255526);
  const double low = format.pick(5.080821806847718e-08, -4.374316549658807e-17);
  const Scalar q =
      polynomial_of(t,
                    {-0.13562110339574013, -0.04756237916243733, 0.12964500278952923, -0.11927155716173884,
                     0.0683109175852642, -0.023788817793156305, 0.0025057234465927125, 0.0019536798122100204,
                     -0.0006918569222083993, -0.0001849064322851829},
                    {-0.1396211168405625,     0.015379652102618975,    0.06809705425469015,     -0.10103906603625022,
                     0.09373283499845785,     -0.06633036581369829,    0.03716751553533099,     -0.016197734037102857,
                     0.005031970001973673,    -0.0007577734570203877,  -0.00019925685961454765, 0.00015062253097739502,
                     -2.4398475757523654e-05, -1.1224826373391421e-05, 5.7075276182371625e-06,  2.997056519571755e-07,
                     -8.210586370605554e-07,  6.689727528837648e-08,   1.0454960899546786e-07,  -1.2177821475806323e-08,
                     -1.0111699291572588e-08});
  const DoubleWord numerator = fast_two_sum(like(a, first), mul_add(t, q, low));
  const DoubleWord denominator = two_sum(bounded + bounded, like(a, 1));
  const Scalar quotient = numerator.high / denominator.high;
  const Scalar rest = fma(-quotient, denominator.high, numerator.high);
  const Scalar quotient_low = (rest + mul_add(-quotient, denominator.low, numerator.low)) / denominator.high;
  const DoubleWord product = two_product(quotient, power.value.high);
  const Scalar product_low = product.low + mul_add(quotient, power.value.low, quotient_low * power.value.high);
  return scale(product.high + product_low, power.bits);
}

// a P(a^2) below 1; above, 1 - exp(-q(a)) (f32) or 1 - erfc(a) (f64).
Scalar error_function(Scalar x) {
  const Format format(x);
  const Scalar a = abs(x);
  const Scalar inside = mul_add(a, error_function_polynomial(a * a), a);
  Scalar complement;
  if (format.is_single) {
    const Scalar bounded = select(a > 4.0, 4.0, a);
    complement = exponential(
        -polynomial(bounded, {0.0003415526798857877, 1.1270890697075533, 0.6381450331851187, 0.1031065798687154,
                              -0.02183797985901867, 0.0029476370771634917, -0.0001863770010238155}));
  } else {
    complement = complementary_of_large(a);
  }
  return with_sign(select(a < 1.0, inside, select(is_nan(a), a, 1.0 - complement)), sign_of(x));
}

// 1 - erf(x) below 1/2; above, and for -x, erfc of the magnitude.
Scalar complementary_error_function(Scalar x) {
  const Scalar a = abs(x);
  const Scalar p = error_function_polynomial(a * a);
  const Scalar outer = complementary_of_large(a);
  const Scalar negative = x < 0.0;
  const Scalar signed_x = select(a < 1.0, x, 0.0);
  // 1 - (x + x p); beyond 1/4 the half is taken first: 1/2 - ((x - 1/2) + x p).
  const Scalar near = 1.0 - mul_add(signed_x, p, signed_x);
  const Scalar middle = 0.5 - mul_add(signed_x, p, signed_x - 0.5);
  const Scalar result = select(x < 0.25, near, select(x < 0.5, middle, outer));
  return select(is_nan(x), x, select(negative & (a >= 1.0), 2.0 - outer, result));
}

// x P(w) with w = -log(1 - x^2), in pieces of w (after Giles 2012).
Scalar inverse_error_function(Scalar x) {
  const Format format(x);
  const Scalar a = abs(x);
  const DoubleWord square = two_product(a, a);
  const DoubleWord rest = two_sum(like(x, 1), -square.high);
  const Scalar w = -natural_logarithm(rest.high, rest.low - square.low);
  const Scalar root = sqrt(w);
  Scalar factor;
  if (format.is_single) {
    const Scalar t = w - 2.5;
    const Scalar q =
        polynomial(t, {0.2466402876347967, -0.00417733940678224, -0.0012527446602824666, 0.00021828263336562965,
                       -4.961912130634445e-06, -3.434612476151727e-06, 4.658921537127368e-07, 1.8037317054951087e-08,
                       -8.77282747496547e-09, 3.3553399246296033e-10});
    const Scalar central = mul_add(t, q, -5.791645074888043e-08) + 1.5014094114303589;
    const Scalar outer =
        polynomial(root - 3.0, {2.8329767960349463, 1.0016750741941172, 0.00944565502578583, -0.007639175127562326,
                                0.0056834778754643964, -0.0035881791849639187, 0.0014949348752853896,
                                -7.432802329473989e-05, -0.00031790259193173297, 0.00012744648365609635});
    factor = select(w < 5.0, central, outer);
  } else {
    const Scalar central = polynomial(
        w - 3.0, {1.6235420064648298,      0.2416304041661583,      -0.00573813522100571,    -0.0008361817769094485,
                  0.00019506132441238948,  -1.2716422638338826e-05, -1.7480020939659815e-06, 4.4998542494753875e-07,
                  -2.3688729161438313e-08, -5.467178606328113e-09,  1.1107992342705306e-09,  -3.1425722423898244e-11,
                  -1.7329257407863545e-11, 2.6990149984118672e-12,  6.378695604578889e-15,   -5.293920529340577e-14,
                  6.306198483403546e-15,   2.7523779205283525e-16,  -1.5876226843005195e-16, 1.2782482823128663e-17,
                  1.7639961592105133e-18,  -3.8752790680250165e-19, 1.4541371041541242e-21,  4.257514199029251e-21,
                  -2.148332528313974e-22});
    factor = branch(
        w < 6.0, [&] { return central; },
        [&] {
          const Scalar middle =
              polynomial(root - 3.25, {3.0838856104922208,     1.0052589676941655,      0.005370914553554632,
                                       -0.003751208508226134,  0.00249144209798196,     -0.001688275535401345,
                                       0.0009532893409797212,  -0.0003550378145060712,  2.403152011892668e-05,
                                       6.828712323917224e-05,  -4.732073074008962e-05,  1.2465000660246499e-05,
                                       2.932787780423871e-06,  -3.985628078871804e-06,  1.4810587524099192e-06,
                                       -2.774695910955814e-08, -2.44662776563376e-07,   1.3170425819070326e-07,
                                       -2.162882658424028e-08, -1.5350054095656902e-08, 7.938967448068829e-09});
          const Scalar outer = polynomial(
              root - 5.0,
              {4.849906401408584, 1.0103004648645455, -0.00013871931837698765, -0.00021503011984004317,
               7.599527800681728e-05, -1.968177053140056e-05, 4.526053494575814e-06, -9.93030436901181e-07,
               2.2904766620955315e-07, -6.75527086125116e-08, 2.9033881571829357e-08, -1.5261633844218952e-08,
               7.795184553723108e-09, -3.4642982108360093e-09, 1.342208417155258e-09, -4.4154522742884875e-10,
               5.5509652934220954e-11, 4.3794345109759583e-11, -1.7259738215470628e-11});
          return select(w < 16.0, middle, outer);
        });
  }
  const Scalar result = select(a < 1.0, a * factor, select(a == 1.0, infinity, like(a, not_a_number)));
  return with_sign(result, sign_of(x));
}

}  // namespace

std::vector<FunctionRow> error_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "erf", error_function);
  add_float_rows(rows, "erfc", complementary_error_function);
  add_float_rows(rows, "erf_inv", inverse_error_function);
  return rows;
}

}  // namespace jaxc::compiler
