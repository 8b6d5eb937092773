// ComplexCode: writes complex arithmetic and functions as scalar code on real and imaginary parts.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "compiler/lower/lowering.h"

namespace jaxc::compiler::lowering {

/// Functions are accurate to some units in the last place of the result's modulus. Branch cuts, and which side of them
/// a zero's sign stands for, are JAX's: sqrt, asin, acos, acosh and asinh take either zero for the positive one; rsqrt,
/// log, atan and atanh obey the sign.
class ComplexCode {
 public:
  struct Number {
    ir::OpId real, imaginary;
  };

  ComplexCode(Lowering& lowering, ir::RegionBuilder& builder, DType dtype)
      : lowering_(lowering), builder_(builder), dtype_(dtype) {}

  // ---- Real parts.

  ir::OpId number(double value) { return builder_.constant(dtype_, value); }
  ir::OpId add(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::add, a, b); }
  ir::OpId sub(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::sub, a, b); }
  ir::OpId mul(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::mul, a, b); }
  ir::OpId div(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::div, a, b); }
  ir::OpId neg(ir::OpId a) { return builder_.unary(ir::Opcode::neg, a); }
  ir::OpId abs(ir::OpId a) { return builder_.unary(ir::Opcode::abs, a); }
  ir::OpId sqrt(ir::OpId a) { return builder_.unary(ir::Opcode::sqrt, a); }
  ir::OpId equal(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::eq, a, b); }
  ir::OpId less(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::lt, a, b); }
  ir::OpId either(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::bit_or, a, b); }
  ir::OpId both(ir::OpId a, ir::OpId b) { return builder_.binary(ir::Opcode::bit_and, a, b); }
  ir::OpId select(ir::OpId condition, ir::OpId a, ir::OpId b) { return builder_.select(condition, a, b); }
  ir::OpId call(std::string_view stem, std::vector<ir::OpId> arguments);
  /// |size| with the sign bit of `sign`.
  ir::OpId copysign(ir::OpId size, ir::OpId sign);
  /// A zero of either sign as the positive one.
  ir::OpId positive_zero(ir::OpId a) { return select(equal(a, number(0)), number(0), a); }

  // ---- Arithmetic.

  Number select(ir::OpId condition, Number a, Number b) {
    return {select(condition, a.real, b.real), select(condition, a.imaginary, b.imaginary)};
  }
  ir::OpId is_zero(Number a) { return both(equal(a.real, number(0)), equal(a.imaginary, number(0))); }
  Number one() { return {number(1), number(0)}; }
  Number negative(Number a) { return {neg(a.real), neg(a.imaginary)}; }
  Number sum(Number a, Number b) { return {add(a.real, b.real), add(a.imaginary, b.imaginary)}; }
  Number difference(Number a, Number b) { return {sub(a.real, b.real), sub(a.imaginary, b.imaginary)}; }
  Number product(Number a, Number b);
  Number quotient(Number a, Number b);
  /// The quotient with C's rules for infinite operands (ISO C, annex G), as XLA divides.
  Number infinite_quotient(Number a, Number b);
  ir::OpId magnitude(Number a);
  Number sign(Number a);
  /// `a` where it is greater, by real and then imaginary parts, else `b`: a NaN is not greater.
  Number maximum(Number a, Number b);
  /// `a` where it is less, else `b`.
  Number minimum(Number a, Number b);
  /// As XLA clamps: by real parts alone.
  Number clamp(Number low, Number a, Number high);
  Number power(Number base, std::int64_t exponent);
  Number power(Number base, Number exponent);

  // ---- Functions.

  Number exponential(Number a);
  Number exponential_minus_one(Number a);
  Number power_of_two(Number a);
  Number logarithm(Number a);
  Number log_one_plus(Number a);
  Number binary_logarithm(Number a);
  Number logistic(Number a);
  /// log(exp a + exp b), its angle in [-pi, pi).
  Number log_add_exp(Number a, Number b);
  /// The root with a real part >= 0; on the cut the imaginary part has a's sign.
  Number square_root(Number a);
  Number hyperbolic_sine(Number a);
  Number hyperbolic_cosine(Number a);
  Number hyperbolic_tangent(Number a);
  Number sine(Number a);
  Number cosine(Number a);
  Number tangent(Number a);
  Number arc_sine(Number a);
  Number arc_cosine(Number a);
  Number arc_tangent(Number a);
  /// -i log((x + i y) / sqrt(x^2 + y^2)).
  Number arc_tangent(Number y, Number x);
  Number hyperbolic_arc_sine(Number a);
  Number hyperbolic_arc_cosine(Number a);
  Number hyperbolic_arc_tangent(Number a);

 private:
  /// A modulus as large * sqrt(1 + ratio^2), without overflow.
  struct Modulus {
    ir::OpId large, ratio;
  };
  /// What asin and acos share.
  struct Roots {
    Number below, above;  ///< sqrt(1 - a), sqrt(1 + a)
    ir::OpId imaginary;   ///< of asin
    ir::OpId far;         ///< |a| is so large that asin is i log(2 |a|) beside its angle
  };

  /// sinh and cosh of a real number, each times `again`.
  struct Hyperbolic {
    ir::OpId odd, even, again;
  };

  bool wide() const { return dtype_ == DType::f64; }
  Modulus modulus(Number a);
  /// power(exponent) (cos angle + i sin angle); beyond the limit the power, which the cosine or the sine may make small
  /// again, is applied as two factors.
  Number polar(std::string_view power, double limit, ir::OpId exponent, ir::OpId angle);
  Hyperbolic hyperbolic(ir::OpId x);
  /// log|a|, where `excess` is |a|^2 - 1, exact for small values.
  ir::OpId log_modulus(Number a, ir::OpId excess);
  Roots arc_roots(Number a);
  Number turned(Number a) { return {neg(a.imaginary), a.real}; }       ///< i a
  Number turned_back(Number a) { return {a.imaginary, neg(a.real)}; }  ///< -i a

  Lowering& lowering_;
  ir::RegionBuilder& builder_;
  DType dtype_;
};

/// An operand's parts, or a real operand with no imaginary one.
inline ComplexCode::Number complex_of(ComplexCode& code, const ScalarValue& value) {
  return {value.real, value.imaginary.value_or(code.number(0))};
}

}  // namespace jaxc::compiler::lowering
