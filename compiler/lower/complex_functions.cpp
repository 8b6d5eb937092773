// Elementary functions of complex numbers, from real ones of their parts.
#include <limits>
#include <numbers>

#include "compiler/lower/complex_code.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using Number = ComplexCode::Number;

Number ComplexCode::polar(std::string_view power, double limit, OpId exponent, OpId angle) {
  const OpId large = less(number(limit), exponent);
  const OpId size = call(power, {select(large, mul(number(0.5), exponent), exponent)});
  const OpId again = select(large, size, number(1));
  return {mul(mul(size, call("cos", {angle})), again),
          select(equal(angle, number(0)), angle, mul(mul(size, call("sin", {angle})), again))};
}

Number ComplexCode::exponential(Number a) {
  return polar("exp", wide() ? 709 : 88, a.real, a.imaginary);
}

// expm1 x cos y - 2 sin(y / 2)^2 + i exp x sin y.
Number ComplexCode::exponential_minus_one(Number a) {
  const Number whole = exponential(a);
  const OpId half = call("sin", {mul(number(0.5), a.imaginary)});
  const OpId near = sub(mul(call("expm1", {a.real}), call("cos", {a.imaginary})), mul(number(2), mul(half, half)));
  return {select(less(a.real, number(1)), near, sub(whole.real, number(1))), whole.imaginary};
}

Number ComplexCode::power_of_two(Number a) {
  return polar("exp2", wide() ? 1023 : 127, a.real, mul(a.imaginary, number(std::numbers::ln2)));
}

OpId ComplexCode::log_modulus(Number a, OpId excess) {
  const auto [large, ratio] = modulus(a);
  const OpId near = less(abs(excess), number(0.75));
  const OpId rest = call("log1p", {select(near, excess, mul(ratio, ratio))});
  return add(select(near, number(0), call("log", {large})), mul(number(0.5), rest));
}

// |a|^2 - 1 = (large - 1) (large + 1) + small^2.
Number ComplexCode::logarithm(Number a) {
  const OpId x = abs(a.real);
  const OpId y = abs(a.imaginary);
  const OpId large = builder_.binary(Opcode::max, x, y);
  const OpId small = builder_.binary(Opcode::min, x, y);
  const OpId excess = add(mul(sub(large, number(1)), add(large, number(1))), mul(small, small));
  return {log_modulus(a, excess), call("atan2", {a.imaginary, a.real})};
}

// |1 + a|^2 - 1 = x (2 + x) + y^2.
Number ComplexCode::log_one_plus(Number a) {
  const Number shifted = {add(number(1), a.real), a.imaginary};
  const OpId excess = add(mul(a.real, add(number(2), a.real)), mul(a.imaginary, a.imaginary));
  return {log_modulus(shifted, excess), call("atan2", {a.imaginary, shifted.real})};
}

Number ComplexCode::binary_logarithm(Number a) {
  const Number value = logarithm(a);
  const OpId scale = number(1 / std::numbers::ln2);
  return {mul(value.real, scale), mul(value.imaginary, scale)};
}

// 1 / (1 + exp(-a)), or exp a / (1 + exp a) where that would overflow. Near the poles, where exp(x + i y) is near -1,
// 1 + exp(x) cos y = 2 cos(y / 2)^2 + expm1(x) cos y.
Number ComplexCode::logistic(Number a) {
  const OpId left = less(a.real, number(0));
  const Number exponent = select(left, a, negative(a));
  const Number power = exponential(exponent);
  const OpId half = call("cos", {mul(number(0.5), exponent.imaginary)});
  const OpId rest = mul(call("expm1", {exponent.real}), call("cos", {exponent.imaginary}));
  return quotient(select(left, power, one()), {add(mul(number(2), mul(half, half)), rest), power.imaginary});
}

Number ComplexCode::log_add_exp(Number a, Number b) {
  const Number greater = maximum(a, b);
  const Number difference = this->difference(sum(a, b), sum(greater, greater));
  const Number value = sum(greater, log_one_plus(exponential(difference)));
  const OpId pi = number(std::numbers::pi);
  const OpId turn = number(2 * std::numbers::pi);
  const OpId rest = builder_.binary(Opcode::rem, add(value.imaginary, pi), turn);
  return {value.real, sub(select(less(rest, number(0)), add(rest, turn), rest), pi)};
}

// root = sqrt((|x| + |a|) / 2); a is scaled by a power of four where |a| would overflow or is subnormal.
Number ComplexCode::square_root(Number a) {
  const OpId size = builder_.binary(Opcode::max, abs(a.real), abs(a.imaginary));
  const OpId large = less(number(wide() ? 0x1p1020 : 0x1p124), size);
  const OpId small = less(size, number(wide() ? 0x1p-960 : 0x1p-100));
  const OpId scale = select(large, number(0x1p-4), select(small, number(wide() ? 0x1p120 : 0x1p48), number(1)));
  const OpId back = select(large, number(4), select(small, number(wide() ? 0x1p-60 : 0x1p-24), number(1)));
  const Number scaled = {mul(a.real, scale), mul(a.imaginary, scale)};
  const OpId root = sqrt(mul(number(0.5), add(abs(scaled.real), magnitude(scaled))));
  const OpId other = div(scaled.imaginary, mul(number(2), root));
  const Number left = {abs(other), copysign(root, a.imaginary)};
  const Number value = select(less(a.real, number(0)), left, {root, other});
  const OpId infinity = number(std::numeric_limits<double>::infinity());
  const Number result = select(equal(abs(a.imaginary), infinity), {infinity, a.imaginary},
                               {mul(value.real, back), mul(value.imaginary, back)});
  return select(is_zero(a), {number(0), a.imaginary}, result);
}

// Beyond the limit sinh and cosh are exp(|x|) / 2, applied as two factors.
ComplexCode::Hyperbolic ComplexCode::hyperbolic(OpId x) {
  const OpId large = less(number(wide() ? 709 : 88), abs(x));
  const OpId root = call("exp", {mul(number(0.5), abs(x))});
  const OpId half = mul(number(0.5), root);
  return {select(large, copysign(half, x), call("sinh", {x})), select(large, half, call("cosh", {x})),
          select(large, root, number(1))};
}

Number ComplexCode::hyperbolic_sine(Number a) {
  const auto [odd, even, again] = hyperbolic(a.real);
  return {mul(mul(odd, call("cos", {a.imaginary})), again),
          select(equal(a.imaginary, number(0)), a.imaginary, mul(mul(even, call("sin", {a.imaginary})), again))};
}

Number ComplexCode::hyperbolic_cosine(Number a) {
  const auto [odd, even, again] = hyperbolic(a.real);
  const OpId real_result = either(equal(a.imaginary, number(0)), equal(a.real, number(0)));
  return {mul(mul(even, call("cos", {a.imaginary})), again),
          select(real_result, number(0), mul(mul(odd, call("sin", {a.imaginary})), again))};
}

// Kahan 1987: with t = tan y, s = sinh x, b = 1 + t^2: (b s sqrt(1 + s^2) + i t) / (1 + b s^2).
Number ComplexCode::hyperbolic_tangent(Number a) {
  const OpId limit = number(wide() ? 22 : 12);
  const OpId x = builder_.binary(Opcode::min, abs(a.real), limit);
  const OpId t = call("tan", {a.imaginary});
  const OpId s = copysign(call("sinh", {x}), a.real);
  const OpId squared = mul(s, s);
  const OpId b = add(number(1), mul(t, t));
  const OpId scale = add(number(1), mul(b, squared));
  const Number near = {div(mul(mul(b, s), sqrt(add(number(1), squared))), scale), div(t, scale)};
  const OpId decay = call("exp", {mul(number(-2), abs(a.real))});
  const OpId angle = mul(call("sin", {a.imaginary}), call("cos", {a.imaginary}));
  const Number far = {copysign(number(1), a.real), mul(mul(number(4), decay), angle)};
  return select(less(limit, abs(a.real)), far, near);
}

// sin a = -i sinh(i a), cos a = cosh(i a), tan a = -i tanh(i a).
Number ComplexCode::sine(Number a) {
  return turned_back(hyperbolic_sine(turned(a)));
}
Number ComplexCode::cosine(Number a) {
  return hyperbolic_cosine(turned(a));
}
Number ComplexCode::tangent(Number a) {
  return turned_back(hyperbolic_tangent(turned(a)));
}

}  // namespace jaxc::compiler::lowering
