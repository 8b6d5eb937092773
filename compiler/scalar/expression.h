// Scalar and ScalarCode: scalar functions written as C++ expressions.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/scalar/library.h"
#include "ir/region_builder.h"

namespace jaxc::compiler {

class ScalarCode;

/// A value of the function being written. It may be used in inner regions too: they capture it. A number
/// beside a Scalar is a constant of its type.
struct Scalar {
  ScalarCode* code = nullptr;
  std::size_t depth = 0;  ///< of the region that holds the operation
  ir::OpId op = 0;
  DType dtype = DType::f32;
};

/// Writes one library function, operation by operation, into the innermost open region.
class ScalarCode {
 public:
  ScalarCode();

  Scalar argument(DType dtype);
  Scalar number(DType dtype, double value);
  /// The constant whose bits these are.
  Scalar bits(DType dtype, std::uint64_t bits);
  Scalar unary(ir::Opcode opcode, Scalar a);
  Scalar binary(ir::Opcode opcode, Scalar a, Scalar b);
  Scalar select(Scalar condition, Scalar when_true, Scalar when_false);
  Scalar mul_add(Scalar a, Scalar b, Scalar c);
  Scalar fma(Scalar a, Scalar b, Scalar c);
  Scalar convert(DType dtype, Scalar a);
  Scalar bitcast(DType dtype, Scalar a);
  /// Another function of the library.
  Scalar call(std::string_view name, DType dtype, const std::vector<Scalar>& arguments);

  using Values = std::vector<Scalar>;
  Values branch(Scalar condition, const std::function<Values()>& when_true, const std::function<Values()>& when_false);
  Values repeat(std::uint64_t bound, const Values& initial, const std::function<Scalar(const Values&)>& condition,
                const std::function<Values(const Values&)>& body);

  /// The function with this result. Nothing is written after it.
  LibraryFunction finish(Scalar result);

 private:
  struct Scope {
    ir::RegionBuilder builder;
    std::map<ir::OpId, ir::OpId> captured;  ///< operation of the region around it -> argument
    std::vector<ir::OpId> captures;         ///< the former, by argument
  };
  struct Closure {
    ir::Region region;
    std::vector<ir::OpId> captures;
  };

  ir::RegionBuilder& builder() { return scopes_.back().builder; }
  Scalar value(ir::OpId op);
  ir::OpId import(Scalar a);
  ir::OpId capture(std::size_t depth, ir::OpId outer);
  Closure close(const std::vector<ir::OpId>& results);

  std::vector<Scope> scopes_;
  std::vector<std::string> callees_;
};

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
Scalar operator/(Scalar a, Scalar b);
Scalar operator&(Scalar a, Scalar b);
Scalar operator|(Scalar a, Scalar b);
Scalar operator^(Scalar a, Scalar b);
Scalar operator<<(Scalar a, int amount);
/// Logical for every integer type.
Scalar operator>>(Scalar a, int amount);
Scalar shift_arithmetic(Scalar a, int amount);
Scalar operator<(Scalar a, Scalar b);
Scalar operator<=(Scalar a, Scalar b);
Scalar operator==(Scalar a, Scalar b);
Scalar operator!=(Scalar a, Scalar b);
inline Scalar operator>(Scalar a, Scalar b) {
  return b < a;
}
inline Scalar operator>=(Scalar a, Scalar b) {
  return b <= a;
}
Scalar operator-(Scalar a);
Scalar operator!(Scalar a);

/// The constant of a's type.
Scalar like(Scalar a, double value);

inline Scalar operator+(Scalar a, double b) {
  return a + like(a, b);
}
inline Scalar operator-(Scalar a, double b) {
  return a - like(a, b);
}
inline Scalar operator*(Scalar a, double b) {
  return a * like(a, b);
}
inline Scalar operator/(Scalar a, double b) {
  return a / like(a, b);
}
inline Scalar operator+(double a, Scalar b) {
  return like(b, a) + b;
}
inline Scalar operator-(double a, Scalar b) {
  return like(b, a) - b;
}
inline Scalar operator*(double a, Scalar b) {
  return like(b, a) * b;
}
inline Scalar operator/(double a, Scalar b) {
  return like(b, a) / b;
}
inline Scalar operator<(Scalar a, double b) {
  return a < like(a, b);
}
inline Scalar operator<=(Scalar a, double b) {
  return a <= like(a, b);
}
inline Scalar operator>(Scalar a, double b) {
  return like(a, b) < a;
}
inline Scalar operator>=(Scalar a, double b) {
  return like(a, b) <= a;
}
inline Scalar operator==(Scalar a, double b) {
  return a == like(a, b);
}
inline Scalar operator!=(Scalar a, double b) {
  return a != like(a, b);
}
inline Scalar operator&(Scalar a, double b) {
  return a & like(a, b);
}
inline Scalar operator|(Scalar a, double b) {
  return a | like(a, b);
}
inline Scalar operator^(Scalar a, double b) {
  return a ^ like(a, b);
}

Scalar abs(Scalar a);
Scalar sqrt(Scalar a);
Scalar floor(Scalar a);
Scalar trunc(Scalar a);
Scalar round_even(Scalar a);
Scalar is_nan(Scalar a);
Scalar select(Scalar condition, Scalar when_true, Scalar when_false);
Scalar select(Scalar condition, double when_true, Scalar when_false);
Scalar select(Scalar condition, Scalar when_true, double when_false);
/// a * b + c with one rounding or two.
Scalar mul_add(Scalar a, Scalar b, Scalar c);
inline Scalar mul_add(Scalar a, double b, Scalar c) {
  return mul_add(a, like(a, b), c);
}
inline Scalar mul_add(Scalar a, Scalar b, double c) {
  return mul_add(a, b, like(a, c));
}
inline Scalar mul_add(Scalar a, double b, double c) {
  return mul_add(a, like(a, b), like(a, c));
}
/// a * b + c with one rounding.
Scalar fma(Scalar a, Scalar b, Scalar c);
Scalar convert(DType dtype, Scalar a);
Scalar bitcast(DType dtype, Scalar a);

/// The value of `when_true` where the condition holds, else of `when_false`; a lane group runs a side only
/// if a lane needs it.
Scalar branch(Scalar condition, const std::function<Scalar()>& when_true, const std::function<Scalar()>& when_false);
/// `usual`, but where `condition` holds the value of `slow`.
Scalar unless(Scalar condition, Scalar usual, const std::function<Scalar()>& slow);

/// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
Scalar polynomial(Scalar x, std::initializer_list<double> coefficients);

}  // namespace jaxc::compiler
