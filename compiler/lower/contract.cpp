// Lowering of dot_general: products folded by addition over the contracted axes.
#include <algorithm>
#include <array>

#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"
#include "ir/saturate.h"

namespace jaxc::compiler::lowering {

using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

namespace {

bool holds(const ir::Axes& axes, std::size_t axis) {
  return std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) != axes.end();
}

}  // namespace

// The result's axes are the batch axes, the left operand's free axes, the right operand's. Complex products have
// their parts computed apart: real part a c - b d, imaginary part a d + b c.
void dot_general(Lowering& lowering, const Equation& equation) {
  const ir::DotNumbers numbers = ir::dot_numbers(equation.parameters);
  const Type& left = lowering.type(equation.inputs[0]);
  const Type& right = lowering.type(equation.inputs[1]);
  const Type& type = lowering.type(equation.outputs[0]);
  Shape reduced;
  for (std::int64_t axis : numbers.left_contracting) reduced.push_back(left.shape[static_cast<std::size_t>(axis)]);
  const DType dtype = compute_dtype(type.dtype);
  const auto indices_of = [](std::size_t rank, const ir::Axes& batch, const ir::Axes& contracting,
                             std::span<const OpId> axes, std::span<const OpId> folded, std::size_t& free) {
    std::vector<Index> indices(rank);
    for (std::size_t k = 0; k < batch.size(); ++k) indices[static_cast<std::size_t>(batch[k])] = at(axes[k]);
    for (std::size_t k = 0; k < contracting.size(); ++k)
      indices[static_cast<std::size_t>(contracting[k])] = at(folded[k]);
    for (std::size_t k = 0; k < rank; ++k)
      if (!holds(batch, k) && !holds(contracting, k)) indices[k] = at(axes[free++]);
    return indices;
  };
  const std::int64_t multiplications = ir::saturated_product(element_count(type.shape), element_count(reduced));
  const std::array factors = {lowering.widened_factor(equation.inputs[0], multiplications),
                              lowering.widened_factor(equation.inputs[1], multiplications)};
  const auto value_of = [&](RegionBuilder& builder, std::size_t operand, std::vector<Index> indices) -> ScalarValue {
    if (factors[operand]) return {lowering.read(builder, *factors[operand], std::move(indices))};
    return lowering.element_value(builder, equation.inputs[operand], std::move(indices));
  };
  const ir::ArrayId sum = lowering.reduce(
      storage_shape(type), reduced, dtype == DType::boolean ? Opcode::bit_or : Opcode::add, dtype,
      [&](RegionBuilder& builder, std::span<const OpId> axes, std::span<const OpId> folded) {
        std::size_t free = numbers.left_batch.size();
        auto left_indices =
            indices_of(left.shape.size(), numbers.left_batch, numbers.left_contracting, axes, folded, free);
        auto right_indices =
            indices_of(right.shape.size(), numbers.right_batch, numbers.right_contracting, axes, folded, free);
        const ScalarValue a = value_of(builder, 0, std::move(left_indices));
        const ScalarValue b = value_of(builder, 1, std::move(right_indices));
        const auto times = [&](OpId x, OpId y) {
          return builder.binary(Opcode::mul, builder.convert(dtype, x), builder.convert(dtype, y));
        };
        if (!is_complex(type.dtype)) return times(a.real, b.real);
        const OpId zero = builder.integer(dtype, 0);
        const OpId a_imaginary = a.imaginary.value_or(zero);
        const OpId b_imaginary = b.imaginary.value_or(zero);
        const OpId real = builder.binary(Opcode::sub, times(a.real, b.real), times(a_imaginary, b_imaginary));
        const OpId imaginary = builder.binary(Opcode::add, times(a.real, b_imaginary), times(a_imaginary, b.real));
        const OpId first = builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0));
        return builder.select(first, real, imaginary);
      });
  lowering.define(equation.outputs[0], lowering.rounded(type.dtype, sum));
}

}  // namespace jaxc::compiler::lowering
