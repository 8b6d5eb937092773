// Parts: complex numbers between arrays of pairs and scalars of real and imaginary parts.
#pragma once

#include <limits>
#include <vector>

#include "compiler/lower/complex_code.h"

namespace jaxc::compiler::lowering {

/// An element in storage form: the two parts of a complex number, or one value. `indices` have none for the part.
inline std::vector<ir::OpId> parts_of(Lowering& lowering, ir::RegionBuilder& builder, const ir::Atom& atom,
                                      std::vector<ir::Index> indices) {
  if (!is_complex(lowering.type(atom).dtype)) return {lowering.element(builder, atom, std::move(indices))};
  indices.push_back(fixed(0));
  const ir::OpId real = lowering.element(builder, atom, indices);
  indices.back() = fixed(1);
  return {real, lowering.element(builder, atom, std::move(indices))};
}

/// The part that the last axis of an array of pairs names.
inline ir::OpId part_at(ir::RegionBuilder& builder, ir::OpId last_axis, ComplexCode::Number value) {
  const ir::OpId first = builder.binary(ir::Opcode::eq, last_axis, builder.integer(DType::i64, 0));
  return builder.select(first, value.real, value.imaginary);
}

/// The array of pairs of two arrays of parts.
inline ir::ArrayId joined(Lowering& lowering, ir::ArrayId real, ir::ArrayId imaginary) {
  Shape shape = lowering.shape(real);
  shape.push_back(2);
  return lowering.generate(shape, [&](ir::RegionBuilder& builder, std::span<const ir::OpId> axes) {
    const auto point = axes.first(axes.size() - 1);
    return part_at(builder, axes.back(),
                   {lowering.read(builder, real, point), lowering.read(builder, imaginary, point)});
  });
}

/// A fold of complex numbers: its step, and the parts of what it starts from.
struct ComplexFold {
  using Step = ComplexCode::Number (ComplexCode::*)(ComplexCode::Number, ComplexCode::Number);
  Step step = nullptr;
  double real = 0;
  double imaginary = 0;

  /// Products start from one, and extremes from an infinite real number, as in JAX.
  static ComplexFold of(ir::Opcode merge) {
    if (merge == ir::Opcode::mul) return {&ComplexCode::product, 1, 0};
    const double infinity = std::numeric_limits<double>::infinity();
    if (merge == ir::Opcode::max) return {&ComplexCode::maximum, -infinity, 0};
    return {&ComplexCode::minimum, infinity, 0};
  }

  /// With one accumulator per part.
  ir::Reduction reduction(Lowering& lowering, DType dtype) const {
    ir::RegionBuilder builder;
    std::vector<ir::OpId> a;
    for (int k = 0; k < 4; ++k) a.push_back(builder.argument(dtype));
    ComplexCode code(lowering, builder, dtype);
    const ComplexCode::Number next = (code.*step)({a[0], a[1]}, {a[2], a[3]});
    return {{ir::constant_of(dtype, real), ir::constant_of(dtype, imaginary)},
            builder.finish({next.real, next.imaginary}),
            std::nullopt};
  }
};

}  // namespace jaxc::compiler::lowering
