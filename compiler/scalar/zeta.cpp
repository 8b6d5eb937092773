// Hurwitz's zeta function and polygamma.
#include <array>
#include <span>

#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"
#include "compiler/scalar/gamma.h"

namespace jaxc::compiler {

namespace {

Scalar pow(Scalar x, Scalar y) {
  return x.code->call("pow_" + std::string(name(x.dtype)), x.dtype, {x, y});
}

Scalar zeta_call(Scalar s, Scalar q) {
  return s.code->call("zeta_" + std::string(name(s.dtype)), s.dtype, {s, q});
}

// zeta(s, q) = sum of (q + k)^-s: terms up to q + k >= 10 + s, the rest by Euler and Maclaurin (DLMF 25.11.43).
// s = 1, and integers q <= 0 for even s, are poles; other s at such q, s below 1, and other than integer s for negative
// q give NaN.
Scalar hurwitz_zeta(Scalar s, Scalar q) {
  constexpr std::uint64_t most_terms = 1000;
  ScalarCode& code = *s.code;
  const Scalar defined = (q > 0.0) | ((trunc(s) == s) & (floor(q) != q));
  const Scalar valid = (s > 1.0) & (s < infinity) & (abs(q) < infinity) & defined & (q > -500.0);
  const Scalar threshold = select(s < 200.0, s, 200.0) + 10.0;
  const Scalar start = select(valid, q, threshold);
  const ScalarCode::Values summed = code.repeat(
      most_terms, {like(s, 0), start}, [&](const ScalarCode::Values& state) { return state[1] < threshold; },
      [&](const ScalarCode::Values& state) {
        return ScalarCode::Values{state[0] + pow(state[1], -s), state[1] + 1.0};
      });
  const Scalar a = summed[1];
  const Scalar last = pow(a, -s);
  // a^(1-s) / (s - 1) + a^-s / 2 + sum over j of B_2j / (2j)! s (s + 1) ... (s + 2j - 2) a^(-s - 2j + 1).
  Scalar rest = last * a / (s - 1.0) + 0.5 * last;
  const Scalar inverse_square = 1.0 / (a * a);
  Scalar factor = s * last / a;
  // B_2j / (2j)!
  constexpr std::array<double, 12> weights = {0.08333333333333333,    -0.001388888888888889,   3.306878306878307e-05,
                                              -8.267195767195768e-07, 2.08767569878681e-08,    -5.284190138687493e-10,
                                              1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
                                              -2.174868698558062e-16, 5.5090028283602295e-18,  -1.3954464685812522e-19};
  double number = 1;
  for (double weight : std::span(weights).first(Format(s).is_single ? 5 : 12)) {
    rest = mul_add(factor, weight, rest);
    factor = factor * (s + number) * (s + (number + 1)) * inverse_square;
    number += 2;
  }
  // For huge s the products overflow where a^-s is 0.
  const Scalar total = summed[0] + select(last == 0.0, 0.0, rest);
  const Scalar even = floor(s * 0.5) * 2.0 == s;
  const Scalar pole = (s == 1.0) | ((q <= 0.0) & (floor(q) == q) & even & (s > 1.0) & (s < infinity) & (q > -infinity));
  return select(pole & !is_nan(q) & !is_nan(s), infinity, select(valid, total, not_a_number));
}

// (-1)^(m+1) m! zeta(m + 1, x); digamma for m = 0.
Scalar polygamma(Scalar m, Scalar x) {
  const Format format(m);
  ScalarCode& code = *m.code;
  const double largest = format.pick(34, 170);
  const Scalar valid = (m >= 1.0) & (trunc(m) == m);
  const ScalarCode::Values product = code.repeat(
      171, {like(m, 1), select(valid, select(m > largest + 1, largest + 1, m), like(m, 0))},
      [](const ScalarCode::Values& state) { return state[1] > 1.0; },
      [](const ScalarCode::Values& state) { return ScalarCode::Values{state[0] * state[1], state[1] - 1.0}; });
  const Scalar value = product[0] * zeta_call(m + 1.0, x);
  const Scalar half = 0.5 * m;
  const Scalar even = trunc(half) == half;
  const Scalar result = select(valid, select(even, -value, value), not_a_number);
  return unless(m == 0.0, result, [&] { return digamma(x); });
}

}  // namespace

std::vector<FunctionRow> zeta_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "zeta", hurwitz_zeta);
  add_float_rows(rows, "polygamma", polygamma);
  return rows;
}

}  // namespace jaxc::compiler
