// Makers: for each primitive, a function that writes an equation of it with random operands and parameters.
#pragma once

#include "scope.h"

namespace jaxc::random_programs {

/// Writes equations that end in one of `primitive`; false when the draw did not fit.
using Make = bool (*)(Scope& scope, ir::Primitive primitive);

/// The maker of a primitive. Elementwise primitives without parameters of their own need none: their domain is enough.
/// Null for primitives that no program is made of.
Make maker(ir::Primitive primitive);

namespace makers {
Make map(ir::Primitive primitive);
Make shape(ir::Primitive primitive);
Make reduce(ir::Primitive primitive);
Make cumulative(ir::Primitive primitive);
Make window(ir::Primitive primitive);
Make contract(ir::Primitive primitive);
Make index(ir::Primitive primitive);
Make control(ir::Primitive primitive);
Make routine(ir::Primitive primitive);
Make random(ir::Primitive primitive);
}  // namespace makers

/// Writes one equation, or a few, of some primitive.
void write_equation(Scope& scope);

/// A value of a dtype in `dtypes` with a rank in the range.
Value operand(Scope& scope, ir::DTypes dtypes, std::size_t least_rank = 0, std::size_t most_rank = 5);
/// Distinct axes of a rank, in random order.
std::vector<std::int64_t> some_axes(Random& random, std::size_t rank, std::size_t least, std::size_t most);
/// A jaxpr of two scalars that is associative and commutative, and its neutral element.
struct Monoid {
  ir::JaxprPointer jaxpr;
  double neutral = 0;
};
Monoid monoid(Random& random, DType dtype);
/// { lambda ; a:f32[] b:f32[]. let c:f32[] = primitive a b in (c,) }
ir::JaxprPointer binary_jaxpr(ir::Primitive primitive, DType dtype);

}  // namespace jaxc::random_programs
