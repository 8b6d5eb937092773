// lgamma and digamma.
#include "compiler/scalar/gamma.h"

#include "compiler/scalar/double_word.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"
#include "compiler/scalar/logarithm.h"

namespace jaxc::compiler {

namespace {

/// sin(pi r) for |r| <= 1/2.
Scalar sine_of_half_turns(Scalar r) {
  const Scalar z = r * r;
  const Scalar p =
      polynomial_of(z, {-5.167710781097412, 2.550086259841919, -0.5983314514160156, 0.07771962881088257},
                    {-5.167712780049969, 2.550164039877269, -0.5992645293177656, 0.08214588655280658,
                     -0.007370430321741899, 0.00046629890477773247, -2.1901170890747583e-05, 7.673860995264784e-07});
  const double pi_low = Format(r).pick(-0x1.777a5cp-24, 0x1.1a62633145c07p-53);
  return mul_add(r, pi, r * mul_add(z, p, pi_low));
}

/// lgamma(2 + u) / u for |u| <= 1.
Scalar gamma_polynomial(Scalar u) {
  return polynomial_of(
      u,
      {0.4227843337701261, 0.32246700130059436, -0.06735219031967682, 0.02058168783527418, -0.00738707982065378,
       0.002883690598775409, -0.0011847915855160512, 0.0005320024544803485, -0.00024281630784611294,
       6.493574299993633e-05, -2.0574916374243695e-05, 4.426952160942935e-05, -2.3290540017115113e-05},
      {0.42278433509846713,    0.32246703342411354,   -0.06735230105320053,    0.02058080842774538,
       -0.007385551028527653,  0.0028905103321347834, -0.0011927539151802484,  0.0005096695017137241,
       -0.0002231547152720028, 9.945772670028154e-05, -4.492655815403754e-05,  2.0505977597370156e-05,
       -9.437939512913268e-06, 4.37956343596381e-06,  -2.0442692190465795e-06, 9.430017866887513e-07,
       -4.378094205087726e-07, 2.336652233496069e-07, -1.1851984476839063e-07, 2.142937994139352e-08,
       -2.920963846974004e-09, 3.204235205429839e-08, -1.9674755345538906e-08, -8.071754021855424e-09,
       5.387806003845171e-09,  3.259543580404939e-09, -1.8022495965506349e-09});
}

// Below 8 the argument is moved into [1, 3) by products: lgamma(x) = lgamma(y) + log((x - 1) ... y), and
// lgamma(x) = lgamma(x + 1) - log(x) below 5/4. From 8 on, Stirling's series.
Scalar log_gamma_of_positive(Scalar x) {
  const Format format(x);
  const Scalar large = x >= 8.0;
  const Scalar small = x < 1.25;
  Scalar y = select(small, x + 1.0, x);
  Scalar u = select(small, x - 1.0, x - 2.0);
  Scalar product = like(x, 1);
  for (int step = 0; step < 5; ++step) {
    const Scalar above = y >= 3.0;
    product = select(above, product * (y - 1.0), product);
    u = select(above, u - 1.0, u);
    y = select(above, y - 1.0, y);
  }
  const Scalar logarithm = natural_logarithm(select(small | large, x, product));
  const Scalar near = u * gamma_polynomial(select(large, 0.0, u)) + select(small, -logarithm, logarithm);

  const Scalar inverse = 1.0 / x;
  const Scalar z = inverse * inverse;
  const Scalar series =
      polynomial_of(z, {0.08333333326535526, -0.0027776989133593524, 0.0007800582989866802},
                    {0.08333333333333333, -0.0027777777777740994, 0.0007936507898351442, -0.0005952366070514595,
                     0.0008414728634132688, -0.0018905408293233665, 0.005069268831451533});
  // (x - 1/2) (log(x) - 1) + (log(2 pi) - 1) / 2 + series / x.
  const Scalar far = mul_add(x - 0.5, logarithm - 1.0, mul_add(series, inverse, like(x, 0.41893853320467274178)));
  return select(large, select(x < infinity, far, x), near);
}

// lgamma(x) = log(pi / |x sin(pi x)|) - lgamma(-x) below zero.
Scalar log_gamma_function(Scalar x) {
  const Scalar a = abs(x);
  const Scalar positive = log_gamma_of_positive(a);
  return unless(x < 0.0, positive, [&] {
    const Scalar rest = a - round_even(a);
    const Scalar sine = abs(sine_of_half_turns(rest));
    // For tiny |x| the product underflows: there lgamma(x) = -log |x|.
    const Scalar tiny = a < Format(a).pick(0x1p-30, 0x1p-60);
    const Scalar reflected = natural_logarithm(pi / select(tiny, 1.0, a * sine)) - positive;
    const Scalar value = select(tiny, positive, select(a < infinity, reflected, infinity));
    return select(rest == 0.0, infinity, value);
  });
}

/// For x > 0: (x - root) P(x) on [1, 2]; sums of reciprocals lead there from below 8; an asymptotic series above.
Scalar digamma_of_positive(Scalar x) {
  const Format format(x);
  const Scalar small = x < 1.0;
  const Scalar large = x >= 8.0;
  // sum = numerator / denominator of 1 / (x - 1) + ... (or -1 / x).
  Scalar y = select(small, x + 1.0, x);
  Scalar numerator = select(small, -1.0, like(x, 0));
  Scalar denominator = select(small, x, like(x, 1));
  Scalar moved = select(small, x, x - 1.0);
  for (int step = 0; step < 6; ++step) {
    const Scalar above = y > 2.0;
    y = select(above, y - 1.0, y);
    moved = select(above, moved - 1.0, moved);
    numerator = select(above, mul_add(numerator, y, denominator), numerator);
    denominator = select(above, denominator * y, denominator);
  }
  // y - 1 = moved exactly.
  const double root = format.pick(0x1.762d86p+0, 0x1.762d86356be3fp+0) - 1.0;
  const double root_low = format.pick(0x1.ab5f2p-27, 0x1.b86a722197829p-54);
  const Scalar p =
      polynomial_of(moved - 0.5,
                    {0.9510558756330953, -0.4236274988789107, 0.24054261579916505, -0.14839878588638622,
                     0.09498207877470613, -0.062057074124903265, 0.04087938711383458, -0.025781025286302547,
                     0.016980185974864354, -0.016384068462263427, 0.011119002534135215},
                    {0.9510558760318328,    -0.4236274212814606,     0.24054248424078722,    -0.14840492305388028,
                     0.09498872445284975,   -0.06192213327554269,    0.04076083394339195,    -0.02697579665762548,
                     0.017907248235558244,  -0.011908220153171343,   0.007927023327638484,   -0.005279936635910083,
                     0.0035180887033518745, -0.002345499835247966,   0.0015635034109662414,  -0.0010364320296958646,
                     0.0006902820765029085, -0.0004860345646072476,  0.00032588096889441795, -0.00014465655798352143,
                     9.329470007909038e-05, -0.00017833320742887407, 0.00012117362303560522});
  const Scalar near = mul_add((moved - root) - root_low, select(large, 0.0, p), numerator / denominator);

  const Scalar inverse = 1.0 / x;
  const Scalar z = inverse * inverse;
  const Scalar series =
      polynomial_of(z, {0.083333332863169628225, -0.0083327867949640866472, 0.003952282015234232},
                    {0.08333333333333333, -0.008333333333287287, 0.003968253916885934, -0.004166645988710512,
                     0.0075718209148199975, -0.0207049963504668, 0.06376417654827353});
  const Scalar far = natural_logarithm(x) - mul_add(z, series, 0.5 * inverse);
  return select(large, far, near);
}

// digamma(x) = digamma(1 - x) - pi / tan(pi x) below zero; NaN at the poles.
Scalar digamma_function(Scalar x) {
  const Scalar negative = x <= 0.0;
  const Scalar positive = digamma_of_positive(select(negative, 1.0 - x, x));
  return unless(negative, positive, [&] {
    const Scalar rest = x - round_even(x);
    const Scalar sine = sine_of_half_turns(rest);
    const Scalar cosine = sine_of_half_turns(0.5 - abs(rest));
    return select(rest == 0.0, not_a_number, positive - pi * cosine / sine);
  });
}

}  // namespace

Scalar log_gamma(Scalar x) {
  return x.code->call("lgamma_" + std::string(name(x.dtype)), x.dtype, {x});
}

Scalar digamma(Scalar x) {
  return x.code->call("digamma_" + std::string(name(x.dtype)), x.dtype, {x});
}

std::vector<FunctionRow> gamma_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "lgamma", log_gamma_function);
  add_float_rows(rows, "digamma", digamma_function);
  return rows;
}

}  // namespace jaxc::compiler
