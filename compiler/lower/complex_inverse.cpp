// Inverse trigonometric and hyperbolic functions of complex numbers, after Kahan, "Branch cuts for complex elementary
// functions" (1987).
#include <limits>
#include <numbers>

#include "compiler/lower/complex_code.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using Number = ComplexCode::Number;

namespace {

/// Beyond this modulus the next terms of the functions' series at infinity are below their last place.
constexpr double far_modulus = 1e10;

}  // namespace

ComplexCode::Roots ComplexCode::arc_roots(Number a) {
  const OpId x = a.real;
  const OpId y = a.imaginary;
  const Number below = square_root({sub(number(1), x), neg(y)});
  const Number above = square_root({add(number(1), x), y});
  const OpId near = call("asinh", {sub(mul(below.real, above.imaginary), mul(below.imaginary, above.real))});
  const auto [large, ratio] = modulus(a);
  const OpId log_size =
      add(add(call("log", {large}), number(std::numbers::ln2)), mul(number(0.5), call("log1p", {mul(ratio, ratio)})));
  const OpId far = less(number(far_modulus), large);
  return {below, above, select(far, copysign(log_size, y), near), far};
}

Number ComplexCode::arc_sine(Number a) {
  a.imaginary = positive_zero(a.imaginary);
  const Roots roots = arc_roots(a);
  const OpId cosine = sub(mul(roots.below.real, roots.above.real), mul(roots.below.imaginary, roots.above.imaginary));
  return {call("atan2", {a.real, select(roots.far, abs(a.imaginary), cosine)}), roots.imaginary};
}

Number ComplexCode::arc_cosine(Number a) {
  a.imaginary = positive_zero(a.imaginary);
  const Roots roots = arc_roots(a);
  const OpId angle = call(
      "atan2", {select(roots.far, abs(a.imaginary), roots.below.real), select(roots.far, a.real, roots.above.real)});
  return {mul(angle, select(roots.far, number(1), number(2))), neg(roots.imaginary)};
}

// i acos a, or -i acos a where that has a negative real part.
Number ComplexCode::hyperbolic_arc_cosine(Number a) {
  const Number angle = arc_cosine(a);
  return select(less(a.imaginary, number(0)), turned_back(angle), turned(angle));
}

Number ComplexCode::hyperbolic_arc_sine(Number a) {
  return turned_back(arc_sine(turned(a)));
}

// log1p(4 |x| / ((1 - |x|)^2 + y^2)) / 4 + i atan2(2 y, (1 - |x|) (1 + |x|) - y^2) / 2; far away 1 / a + i pi / 2.
Number ComplexCode::hyperbolic_arc_tangent(Number a) {
  const OpId x = abs(a.real);
  const OpId y = a.imaginary;
  const OpId rest = sub(number(1), x);
  const OpId squared = mul(y, y);
  const OpId distance = add(mul(rest, rest), squared);
  const OpId near = mul(number(0.25), call("log1p", {div(mul(number(4), x), distance)}));
  // Beside 1 the square of the distance may be too small.
  const OpId at_pole = mul(number(0.5), sub(number(std::numbers::ln2), call("log", {abs(y)})));
  const OpId tiny = less(distance, number(wide() ? 0x1p-900 : 0x1p-100));
  const OpId angle = mul(number(0.5), call("atan2", {mul(number(2), y), sub(mul(rest, add(number(1), x)), squared)}));
  const auto [large, ratio] = modulus(a);
  const OpId infinite = equal(large, number(std::numeric_limits<double>::infinity()));
  const OpId inverse = div(div(x, large), mul(large, add(number(1), mul(ratio, ratio))));
  const OpId far = less(number(far_modulus), large);
  const OpId real = select(far, select(infinite, number(0), inverse), select(tiny, at_pole, near));
  return {copysign(real, a.real), select(far, copysign(number(std::numbers::pi / 2), y), angle)};
}

Number ComplexCode::arc_tangent(Number a) {
  return turned_back(hyperbolic_arc_tangent(turned(a)));
}

// atan(y / x) and the multiple of pi by which the definition's angle differs.
Number ComplexCode::arc_tangent(Number y, Number x) {
  const OpId steep = less(magnitude(x), magnitude(y));
  const Number base = arc_tangent(quotient(select(steep, x, y), select(steep, y, x)));
  const OpId quarter = number(std::numbers::pi / 2);
  const Number angle = select(steep, {sub(quarter, base.real), neg(base.imaginary)}, base);
  const Number square = sum(product(x, x), product(y, y));
  const Number direction = quotient(sum(x, turned(y)), square_root(square));
  const OpId wanted = call("atan2", {direction.imaginary, direction.real});
  const OpId half_turns = builder_.unary(Opcode::round_even, div(sub(wanted, angle.real), number(std::numbers::pi)));
  return {add(angle.real, mul(half_turns, number(std::numbers::pi))), angle.imaginary};
}

}  // namespace jaxc::compiler::lowering
