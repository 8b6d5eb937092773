// Lowering of elementwise primitives over complex numbers, held as real and imaginary parts.
#include <limits>

#include "compiler/lower/rules.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using ir::Primitive;
using ir::RegionBuilder;

namespace {

/// Writes complex arithmetic on parts of one real dtype.
class ComplexCode {
 public:
  struct Number {
    OpId real, imaginary;
  };

  ComplexCode(Lowering& lowering, RegionBuilder& builder, DType dtype)
      : lowering_(lowering), builder_(builder), dtype_(dtype) {}

  OpId number(double value) { return builder_.constant(dtype_, value); }
  OpId add(OpId a, OpId b) { return builder_.binary(Opcode::add, a, b); }
  OpId sub(OpId a, OpId b) { return builder_.binary(Opcode::sub, a, b); }
  OpId mul(OpId a, OpId b) { return builder_.binary(Opcode::mul, a, b); }
  OpId div(OpId a, OpId b) { return builder_.binary(Opcode::div, a, b); }
  OpId neg(OpId a) { return builder_.unary(Opcode::neg, a); }
  OpId abs(OpId a) { return builder_.unary(Opcode::abs, a); }
  OpId sqrt(OpId a) { return builder_.unary(Opcode::sqrt, a); }
  OpId call(std::string_view stem, std::vector<OpId> arguments) {
    return lowering_.call(builder_, fmt::format("{}_{}", stem, name(dtype_)), std::move(arguments));
  }
  Number select(OpId condition, Number a, Number b) {
    return {builder_.select(condition, a.real, b.real), builder_.select(condition, a.imaginary, b.imaginary)};
  }
  OpId is_zero(Number a) {
    return builder_.binary(Opcode::bit_and, builder_.binary(Opcode::eq, a.real, number(0)),
                           builder_.binary(Opcode::eq, a.imaginary, number(0)));
  }

  Number negative(Number a) { return {neg(a.real), neg(a.imaginary)}; }
  Number sum(Number a, Number b) { return {add(a.real, b.real), add(a.imaginary, b.imaginary)}; }
  Number difference(Number a, Number b) { return {sub(a.real, b.real), sub(a.imaginary, b.imaginary)}; }
  Number product(Number a, Number b) {
    return {sub(mul(a.real, b.real), mul(a.imaginary, b.imaginary)),
            add(mul(a.real, b.imaginary), mul(a.imaginary, b.real))};
  }
  Number one() { return {number(1), number(0)}; }

  // Smith's division: scaled by the divisor's larger part.
  Number quotient(Number a, Number b) {
    const OpId wide = builder_.binary(Opcode::le, abs(b.imaginary), abs(b.real));
    const Number p = select(wide, b, {b.imaginary, b.real});
    const OpId ratio = div(p.imaginary, p.real);
    const OpId scale = add(p.real, mul(p.imaginary, ratio));
    const Number first = {add(a.real, mul(a.imaginary, ratio)), sub(a.imaginary, mul(a.real, ratio))};
    const Number second = {add(mul(a.real, ratio), a.imaginary), sub(mul(a.imaginary, ratio), a.real)};
    const Number top = select(wide, first, second);
    const Number finite = {div(top.real, scale), div(top.imaginary, scale)};
    return select(is_zero(b), {div(a.real, number(0)), div(a.imaginary, number(0))}, finite);
  }

  // max * sqrt(1 + (min / max)^2).
  OpId magnitude(Number a) {
    const OpId x = abs(a.real);
    const OpId y = abs(a.imaginary);
    const OpId large = builder_.binary(Opcode::max, x, y);
    const OpId small = builder_.binary(Opcode::min, x, y);
    const OpId ratio = div(small, large);
    const OpId value = mul(large, sqrt(add(number(1), mul(ratio, ratio))));
    const OpId infinity = number(std::numeric_limits<double>::infinity());
    const OpId infinite = builder_.binary(Opcode::bit_or, builder_.binary(Opcode::eq, x, infinity),
                                          builder_.binary(Opcode::eq, y, infinity));
    const OpId plain = builder_.select(builder_.binary(Opcode::eq, large, number(0)), large, value);
    return builder_.select(infinite, infinity, plain);
  }

  Number exponential(Number a) {
    const OpId size = call("exp", {a.real});
    const OpId real_only = builder_.binary(Opcode::eq, a.imaginary, number(0));
    return {mul(size, call("cos", {a.imaginary})),
            builder_.select(real_only, a.imaginary, mul(size, call("sin", {a.imaginary})))};
  }
  Number logarithm(Number a) { return {call("log", {magnitude(a)}), call("atan2", {a.imaginary, a.real})}; }

  /// On the cut below zero, sqrt ignores the sign of a zero imaginary part and 1 / sqrt obeys it, as in XLA.
  Number square_root(Number a, bool signed_zero = false) {
    const OpId root = sqrt(mul(number(0.5), add(abs(a.real), magnitude(a))));
    const OpId other = div(a.imaginary, mul(number(2), root));
    OpId below = builder_.binary(Opcode::lt, a.imaginary, number(0));
    if (signed_zero) {
      const OpId inverse = div(number(1), a.imaginary);
      below = builder_.binary(Opcode::bit_or, below, builder_.binary(Opcode::lt, inverse, number(0)));
    }
    const Number left = {abs(other), builder_.select(below, neg(root), root)};
    const Number value = select(builder_.binary(Opcode::lt, a.real, number(0)), left, {root, other});
    return select(is_zero(a), {number(0), a.imaginary}, value);
  }

  Number hyperbolic_sine(Number a) {
    return {mul(call("sinh", {a.real}), call("cos", {a.imaginary})),
            mul(call("cosh", {a.real}), call("sin", {a.imaginary}))};
  }
  Number hyperbolic_cosine(Number a) {
    return {mul(call("cosh", {a.real}), call("cos", {a.imaginary})),
            mul(call("sinh", {a.real}), call("sin", {a.imaginary}))};
  }
  /// i a: sin(a) = -i sinh(i a), cos(a) = cosh(i a).
  Number turned(Number a) { return {neg(a.imaginary), a.real}; }
  Number sine(Number a) {
    const Number value = hyperbolic_sine(turned(a));
    return {value.imaginary, neg(value.real)};
  }
  Number cosine(Number a) { return hyperbolic_cosine(turned(a)); }

  Number power(Number base, std::int64_t exponent) {
    std::uint64_t rest = exponent < 0 ? 0 - static_cast<std::uint64_t>(exponent) : static_cast<std::uint64_t>(exponent);
    std::optional<Number> result;
    for (Number square = base; rest != 0; rest >>= 1) {
      if ((rest & 1) != 0) result = result ? product(*result, square) : square;
      if (rest > 1) square = product(square, square);
    }
    const Number value = result.value_or(one());
    return exponent < 0 ? quotient(one(), value) : value;
  }
  Number power(Number base, Number exponent) {
    const Number value = exponential(product(exponent, logarithm(base)));
    const Number at_zero = select(is_zero(exponent), one(), {number(0), number(0)});
    return select(is_zero(base), at_zero, value);
  }

 private:
  Lowering& lowering_;
  RegionBuilder& builder_;
  DType dtype_;
};

}  // namespace

ScalarValue complex_value(Lowering& lowering, RegionBuilder& builder, const Equation& equation,
                          std::span<const ScalarValue> operands) {
  const DType dtype = builder.dtype(operands[0].real);
  ComplexCode code(lowering, builder, dtype);
  const auto operand = [&](std::size_t k) {
    const ScalarValue& value = operands[k];
    return ComplexCode::Number{builder.convert(dtype, value.real), value.imaginary.value_or(code.number(0))};
  };
  const auto a = operand(0);
  const auto b = operands.size() > 1 ? operand(1) : a;
  const auto whole = [](ComplexCode::Number value) { return ScalarValue{value.real, value.imaginary}; };
  const auto both = [&](Opcode join, Opcode compare) {
    return ScalarValue{builder.binary(join, builder.binary(compare, a.real, b.real),
                                      builder.binary(compare, a.imaginary, b.imaginary))};
  };
  switch (equation.primitive) {
    case Primitive::neg:
      return whole(code.negative(a));
    case Primitive::add:
    case Primitive::add_any:
      return whole(code.sum(a, b));
    case Primitive::sub:
      return whole(code.difference(a, b));
    case Primitive::mul:
      return whole(code.product(a, b));
    case Primitive::div:
      return whole(code.quotient(a, b));
    case Primitive::eq:
      return both(Opcode::bit_and, Opcode::eq);
    case Primitive::ne:
      return both(Opcode::bit_or, Opcode::ne);
    case Primitive::abs:
      return {code.magnitude(a)};
    case Primitive::sign: {
      const OpId size = code.magnitude(a);
      return whole(code.select(code.is_zero(a), a, {code.div(a.real, size), code.div(a.imaginary, size)}));
    }
    case Primitive::exp:
      return whole(code.exponential(a));
    case Primitive::expm1:
      return whole(code.difference(code.exponential(a), code.one()));
    case Primitive::log:
      return whole(code.logarithm(a));
    case Primitive::log1p:
      return whole(code.logarithm(code.sum(a, code.one())));
    case Primitive::logistic:
      return whole(code.quotient(code.one(), code.sum(code.one(), code.exponential(code.negative(a)))));
    case Primitive::sqrt:
      return whole(code.square_root(a));
    case Primitive::rsqrt:
      return whole(code.quotient(code.one(), code.square_root(a, true)));
    case Primitive::square:
      return whole(code.product(a, a));
    case Primitive::integer_pow:
      return whole(code.power(a, equation.parameters.integer("y")));
    case Primitive::pow:
      return whole(code.power(a, b));
    case Primitive::sin:
      return whole(code.sine(a));
    case Primitive::cos:
      return whole(code.cosine(a));
    case Primitive::tan:
      return whole(code.quotient(code.sine(a), code.cosine(a)));
    case Primitive::sinh:
      return whole(code.hyperbolic_sine(a));
    case Primitive::cosh:
      return whole(code.hyperbolic_cosine(a));
    case Primitive::tanh:
      return whole(code.quotient(code.hyperbolic_sine(a), code.hyperbolic_cosine(a)));
    default:
      lowering.fail("has no rule for complex numbers, got complex operands; write it with real and imaginary parts");
  }
}

void complex_parts(Lowering& lowering, const Equation& equation) {
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue> operands) -> ScalarValue {
    const ScalarValue& a = operands[0];
    const auto zero = [&] { return builder.integer(builder.dtype(a.real), 0); };
    switch (equation.primitive) {
      case Primitive::real:
        return {a.real};
      case Primitive::imag:
        return {a.imaginary ? *a.imaginary : zero()};
      case Primitive::complex:
        return {a.real, operands[1].real};
      case Primitive::conj:
        return {a.real, a.imaginary ? builder.unary(Opcode::neg, *a.imaginary) : zero()};
      default:
        throw InternalError("complex_parts: not a primitive of parts");
    }
  });
}

}  // namespace jaxc::compiler::lowering
