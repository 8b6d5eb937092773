// Complex arithmetic and order on real and imaginary parts.
#include <limits>

#include "compiler/lower/complex_code.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using Number = ComplexCode::Number;

OpId ComplexCode::call(std::string_view stem, std::vector<OpId> arguments) {
  return lowering_.call(builder_, fmt::format("{}_{}", stem, name(dtype_)), std::move(arguments));
}

OpId ComplexCode::copysign(OpId size, OpId sign) {
  const DType bits = wide() ? DType::u64 : DType::u32;
  const OpId top = builder_.integer(bits, wide() ? INT64_MIN : std::int64_t{0x80000000});
  const OpId magnitude = builder_.bitcast(bits, abs(size));
  return builder_.bitcast(dtype_,
                          either(magnitude, builder_.binary(Opcode::bit_and, builder_.bitcast(bits, sign), top)));
}

Number ComplexCode::product(Number a, Number b) {
  return {sub(mul(a.real, b.real), mul(a.imaginary, b.imaginary)),
          add(mul(a.real, b.imaginary), mul(a.imaginary, b.real))};
}

// Smith's division: scaled by the divisor's larger part.
Number ComplexCode::quotient(Number a, Number b) {
  const OpId wider = builder_.binary(Opcode::le, abs(b.imaginary), abs(b.real));
  const Number p = select(wider, b, {b.imaginary, b.real});
  const OpId ratio = div(p.imaginary, p.real);
  const OpId scale = add(p.real, mul(p.imaginary, ratio));
  const Number first = {add(a.real, mul(a.imaginary, ratio)), sub(a.imaginary, mul(a.real, ratio))};
  const Number second = {add(mul(a.real, ratio), a.imaginary), sub(mul(a.imaginary, ratio), a.real)};
  const Number top = select(wider, first, second);
  const Number finite = {div(top.real, scale), div(top.imaginary, scale)};
  return select(is_zero(b), {div(a.real, b.real), div(a.imaginary, b.real)}, finite);
}

// Where both parts come out as NaN, infinite parts of one operand count as ones and its finite parts as zeros.
Number ComplexCode::infinite_quotient(Number a, Number b) {
  const OpId infinity = number(std::numeric_limits<double>::infinity());
  const auto is_infinite = [&](OpId part) { return equal(abs(part), infinity); };
  const auto ones = [&](Number z) {
    const auto one_or_zero = [&](OpId part) { return copysign(select(is_infinite(part), number(1), number(0)), part); };
    return Number{one_or_zero(z.real), one_or_zero(z.imaginary)};
  };
  const auto has_infinity = [&](Number z) { return either(is_infinite(z.real), is_infinite(z.imaginary)); };
  const auto is_finite = [&](Number z) { return both(less(abs(z.real), infinity), less(abs(z.imaginary), infinity)); };
  const OpId large = both(has_infinity(a), is_finite(b));
  const OpId small = both(is_finite(a), has_infinity(b));
  const Number value = quotient(a, b);
  const OpId is_lost =
      both(both(builder_.unary(Opcode::is_nan, value.real), builder_.unary(Opcode::is_nan, value.imaginary)),
           either(large, small));
  const Number top = select(large, ones(a), a);
  const Number bottom = select(small, ones(b), b);
  const OpId factor = select(large, infinity, number(0));
  const OpId real = add(mul(top.real, bottom.real), mul(top.imaginary, bottom.imaginary));
  const OpId imaginary = sub(mul(top.imaginary, bottom.real), mul(top.real, bottom.imaginary));
  return select(is_lost, {mul(factor, real), mul(factor, imaginary)}, value);
}

ComplexCode::Modulus ComplexCode::modulus(Number a) {
  const OpId x = abs(a.real);
  const OpId y = abs(a.imaginary);
  const OpId infinity = number(std::numeric_limits<double>::infinity());
  const OpId infinite = either(equal(x, infinity), equal(y, infinity));
  const OpId large = select(infinite, infinity, builder_.binary(Opcode::max, x, y));
  const OpId plain = either(infinite, equal(large, number(0)));
  return {large, select(plain, number(0), div(builder_.binary(Opcode::min, x, y), large))};
}

OpId ComplexCode::magnitude(Number a) {
  const auto [large, ratio] = modulus(a);
  return mul(large, sqrt(add(number(1), mul(ratio, ratio))));
}

Number ComplexCode::sign(Number a) {
  const OpId size = magnitude(a);
  return select(is_zero(a), a, {div(a.real, size), div(a.imaginary, size)});
}

Number ComplexCode::maximum(Number a, Number b) {
  const OpId greater = select(equal(a.real, b.real), less(b.imaginary, a.imaginary), less(b.real, a.real));
  return select(greater, a, b);
}

Number ComplexCode::minimum(Number a, Number b) {
  const OpId lesser = select(equal(a.real, b.real), less(a.imaginary, b.imaginary), less(a.real, b.real));
  return select(lesser, a, b);
}

Number ComplexCode::clamp(Number low, Number a, Number high) {
  const Number raised = select(builder_.binary(Opcode::le, a.real, low.real), low, a);
  return select(builder_.binary(Opcode::le, raised.real, high.real), raised, high);
}

Number ComplexCode::power(Number base, std::int64_t exponent) {
  std::uint64_t rest = exponent < 0 ? 0 - static_cast<std::uint64_t>(exponent) : static_cast<std::uint64_t>(exponent);
  std::optional<Number> result;
  for (Number square = base; rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result = result ? product(*result, square) : square;
    if (rest > 1) square = product(square, square);
  }
  const Number value = result.value_or(one());
  return exponent < 0 ? infinite_quotient(one(), value) : value;
}

// A power of zero is zero where the exponent's real part is positive, and else NaN; whatever to the power zero, and one
// to whatever power, is one.
Number ComplexCode::power(Number base, Number exponent) {
  const Number value = exponential(product(exponent, logarithm(base)));
  const OpId nan = number(std::numeric_limits<double>::quiet_NaN());
  const Number vanishing = select(less(number(0), exponent.real), {number(0), number(0)}, {nan, nan});
  const OpId is_one = both(equal(base.real, number(1)), equal(base.imaginary, number(0)));
  return select(either(is_zero(exponent), is_one), one(), select(is_zero(base), vanishing, value));
}

}  // namespace jaxc::compiler::lowering
