// Makers of elementwise primitives: operands from their domains, parameters from a table.
#include <fmt/format.h>

#include "ir/prims/domain.h"
#include "ir/prims/type_rules.h"
#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;

namespace {

std::string random_dtype_name(Random& random, const Scope&) {
  static const std::vector<DType> targets = {DType::f32, DType::f32, DType::f64, DType::i32,  DType::i32,
                                             DType::i64, DType::u32, DType::u8,  DType::i8,   DType::i16,
                                             DType::u16, DType::u64, DType::f16, DType::bf16, DType::boolean,
                                             DType::c64, DType::i4,  DType::u4,  DType::i2,   DType::u2};
  return std::string(numpy_name(random.pick(targets)));
}

/// The parameters of the elementwise primitives that have any.
std::string map_parameters(Scope& scope, Primitive primitive, DType dtype) {
  Random& random = scope.random();
  switch (primitive) {
    case Primitive::integer_pow:
      return fmt::format("y={}", random.between(is_integer(dtype) ? 0 : -3, 4));
    case Primitive::convert_element_type:
      return fmt::format("new_dtype={} weak_type=False", random_dtype_name(random, scope));
    case Primitive::reduce_precision:
      return fmt::format("exponent_bits={} mantissa_bits={}", random.between(4, 8), random.between(1, 10));
    case Primitive::round:
      return fmt::format("rounding_method={}", random.between(0, 1));
    default:
      return "";
  }
}

Value companion(Scope& scope, const Type& type) {
  if (type.dtype == DType::key) return scope.of_type(type);
  if (scope.random().chance(0.2))
    return literal(type.dtype, scope.random().between(is_unsigned_integer(type.dtype) ? 0 : -6, 6) / 2.0);
  if (scope.random().chance(0.1)) return scope.of_type({type.dtype, {}});
  return scope.of_type(type);
}

bool write_map(Scope& scope, Primitive primitive) {
  const ir::Domain& domain = ir::domain(primitive);
  Random& random = scope.random();
  Values operands = {scope.bounded(operand(scope, domain.dtypes), domain.values[0])};
  const std::int64_t most = std::min<std::int64_t>(domain.operands.maximum, domain.operands.minimum + 2);
  const std::int64_t count = random.between(domain.operands.minimum, most);
  const Type type = operands[0].type();
  for (std::int64_t k = 1; k < count; ++k) {
    const ir::Interval interval = domain.values[static_cast<std::size_t>(std::min<std::int64_t>(k, 2))];
    Type wanted = type;
    if (primitive == Primitive::pow && random.chance(0.3)) wanted.dtype = DType::i32;
    operands.push_back(scope.bounded(companion(scope, wanted), interval));
  }
  // Elsewhere than first, the scalar of a pair may be the first operand.
  if (count == 2 && operands[1].shape() == type.shape && random.chance(0.1))
    operands[0] = scope.bounded(companion(scope, type), domain.values[0]);
  // polygamma's order is a whole number.
  if (primitive == Primitive::polygamma) {
    const auto order = scope.one(Primitive::floor, "", {operands[0]});
    if (!order) return false;
    operands[0] = *order;
  }
  return scope.apply(primitive, parameters(map_parameters(scope, primitive, type.dtype)), operands).has_value();
}

bool write_select(Scope& scope, Primitive primitive) {
  const Value first = operand(scope, ir::dtypes::any);
  const bool many = scope.random().chance(0.2);
  Value which =
      scope.of_type({many ? DType::i32 : DType::boolean, scope.random().chance(0.2) ? Shape{} : first.shape()});
  Values operands = {which, first};
  const std::int64_t cases = many ? scope.random().between(2, 4) : 2;
  if (many) {
    const auto inside = scope.apply(
        Primitive::clamp, {}, {literal(DType::i32, 0), which, literal(DType::i32, static_cast<double>(cases - 1))});
    if (!inside) return false;
    operands[0] = inside->at(0);
  }
  for (std::int64_t k = 1; k < cases; ++k) operands.push_back(companion(scope, first.type()));
  return scope.apply(primitive, {}, operands).has_value();
}

bool write_clamp(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::numbers);
  const auto bound = [&](double number) {
    return scope.random().chance(0.7) ? literal(x.dtype(), is_unsigned_integer(x.dtype()) ? number + 2 : number)
                                      : companion(scope, x.type());
  };
  return scope.apply(primitive, {}, {bound(-1), x, bound(1.5)}).has_value();
}

}  // namespace

Make makers::map(Primitive primitive) {
  if (primitive == Primitive::select_n) return write_select;
  if (primitive == Primitive::clamp) return write_clamp;
  return write_map;
}

}  // namespace jaxc::random_programs
