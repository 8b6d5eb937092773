// Lowering of elementwise primitives over complex numbers, held as real and imaginary parts.
#include "compiler/lower/complex_code.h"
#include "compiler/lower/rules.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using ir::Primitive;
using ir::RegionBuilder;

ScalarValue complex_value(Lowering& lowering, RegionBuilder& builder, const Equation& equation,
                          std::span<const ScalarValue> operands) {
  const DType dtype = builder.dtype(operands[0].real);
  ComplexCode code(lowering, builder, dtype);
  const auto operand = [&](std::size_t k) {
    return complex_of(code, {builder.convert(dtype, operands[k].real), operands[k].imaginary});
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
      return whole(code.infinite_quotient(a, b));
    case Primitive::eq:
      return both(Opcode::bit_and, Opcode::eq);
    case Primitive::ne:
      return both(Opcode::bit_or, Opcode::ne);
    case Primitive::max:
      return whole(code.maximum(a, b));
    case Primitive::min:
      return whole(code.minimum(a, b));
    case Primitive::clamp:
      return whole(code.clamp(a, b, operand(2)));
    case Primitive::abs:
      return {code.magnitude(a)};
    case Primitive::sign:
      return whole(code.sign(a));
    case Primitive::square:
      return whole(code.product(a, a));
    case Primitive::one_minus_square:
      return whole(code.product(code.difference(code.one(), a), code.sum(code.one(), a)));
    case Primitive::integer_pow:
      return whole(code.power(a, equation.parameters.integer("y")));
    case Primitive::pow:
      return whole(code.power(a, b));
    case Primitive::sqrt:
      return whole(code.square_root({a.real, code.positive_zero(a.imaginary)}));
    case Primitive::rsqrt:
      return whole(code.infinite_quotient(code.one(), code.square_root(a)));
    case Primitive::exp:
      return whole(code.exponential(a));
    case Primitive::exp2:
      return whole(code.power_of_two(a));
    case Primitive::expm1:
      return whole(code.exponential_minus_one(a));
    case Primitive::log:
      return whole(code.logarithm(a));
    case Primitive::log1p:
      return whole(code.log_one_plus(a));
    case Primitive::log2:
      return whole(code.binary_logarithm(a));
    case Primitive::logistic:
      return whole(code.logistic(a));
    case Primitive::sin:
      return whole(code.sine(a));
    case Primitive::cos:
      return whole(code.cosine(a));
    case Primitive::tan:
      return whole(code.tangent(a));
    case Primitive::asin:
      return whole(code.arc_sine(a));
    case Primitive::acos:
      return whole(code.arc_cosine(a));
    case Primitive::atan:
      return whole(code.arc_tangent(a));
    case Primitive::atan2:
      return whole(code.arc_tangent(a, b));
    case Primitive::sinh:
      return whole(code.hyperbolic_sine(a));
    case Primitive::cosh:
      return whole(code.hyperbolic_cosine(a));
    case Primitive::tanh:
      return whole(code.hyperbolic_tangent(a));
    case Primitive::asinh:
      return whole(code.hyperbolic_arc_sine(a));
    case Primitive::acosh:
      return whole(code.hyperbolic_arc_cosine(a));
    case Primitive::atanh:
      return whole(code.hyperbolic_arc_tangent(a));
    default:
      lowering.fail("takes no complex numbers and no keys; use their parts");
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
