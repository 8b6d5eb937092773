// Elementwise equations: one scalar rule, written into a nest or into a region of scalars.
#include <fmt/format.h>

#include <utility>

#include "compiler/lower/lowering.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

using ir::Index;
using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;

Scalar Lowering::widen(RegionBuilder& builder, DType dtype, Scalar value) {
  if (dtype == DType::f16) return {call(builder, "f32_from_f16", {value.real})};
  if (dtype == DType::bf16) return {call(builder, "f32_from_bf16", {value.real})};
  return value;
}

Scalar Lowering::round(RegionBuilder& builder, DType dtype, Scalar value) {
  if (dtype == DType::f16) return {call(builder, "f16_from_f32", {value.real})};
  if (dtype == DType::bf16) return {call(builder, "bf16_from_f32", {value.real})};
  if (dtype == DType::u4) return {builder.binary(Opcode::bit_and, value.real, builder.integer(DType::u8, 15))};
  if (dtype == DType::i4) {
    const OpId four = builder.integer(DType::i8, 4);
    return {builder.binary(Opcode::shift_right_arithmetic, builder.binary(Opcode::shift_left, value.real, four), four)};
  }
  return value;
}

Scalar Lowering::load(RegionBuilder& builder, const ir::Atom& atom, std::span<const OpId> axes) {
  const Type& type = this->type(atom);
  const Frame& frame = frames_.back();
  const auto* variable = std::get_if<ir::Variable>(&atom);
  if (frame.builder != nullptr && variable != nullptr) {
    const std::optional<Scalar>& value = frame.scalars.at(variable->index);
    if (!value) throw InternalError("lower: a variable is used before it is assigned");
    return widen(builder, type.dtype, *value);
  }
  std::vector<Index> indices;
  for (std::size_t k = 0; k < type.shape.size(); ++k) indices.push_back(type.shape[k] == 1 ? fixed(0) : at(axes[k]));
  if (type.dtype == DType::key) indices.push_back(at(axes.back()));
  if (!is_complex(type.dtype)) return widen(builder, type.dtype, {element(builder, atom, std::move(indices))});
  indices.push_back(fixed(0));
  const OpId real = element(builder, atom, indices);
  indices.back() = fixed(1);
  return {real, element(builder, atom, std::move(indices))};
}

void Lowering::elementwise(const ir::Equation& equation, const ScalarRule& rule) {
  const ir::Variable output = equation.outputs.at(0);
  const Type& type = frames_.back().jaxpr->type(output);
  const auto value_at = [&](RegionBuilder& builder, std::span<const OpId> axes) {
    std::vector<Scalar> operands;
    for (const ir::Atom& atom : equation.inputs) operands.push_back(load(builder, atom, axes));
    return round(builder, type.dtype, rule(builder, operands));
  };
  if (RegionBuilder* builder = frames_.back().builder) {
    if (!type.shape.empty()) fail("has an array in a function of scalars; only scalars may occur there");
    frames_.back().scalars.at(output.index) = value_at(*builder, {});
    return;
  }
  define(output, generate(storage_shape(type), [&](RegionBuilder& builder, std::span<const OpId> axes) {
           const Scalar value = value_at(builder, axes);
           if (!value.imaginary) return value.real;
           const OpId first = builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0));
           return builder.select(first, value.real, *value.imaginary);
         }));
}

ir::Region Lowering::region(const ir::Jaxpr& jaxpr) {
  RegionBuilder builder;
  Frame frame;
  frame.jaxpr = &jaxpr;
  frame.scalars.resize(jaxpr.variables.size());
  frame.builder = &builder;
  if (!jaxpr.constants.empty()) fail("holds a function of scalars with constants; pass them as operands");
  for (ir::Variable input : jaxpr.inputs) {
    const Type& type = jaxpr.type(input);
    if (!type.shape.empty() || is_complex(type.dtype) || type.dtype == DType::key)
      fail(fmt::format("holds a function of real scalars, got an argument of type {}", to_string(type)));
    frame.scalars[input.index] = Scalar{builder.argument(storage_dtype(type.dtype))};
  }
  frames_.push_back(std::move(frame));
  lower_equations();
  std::vector<OpId> results;
  for (const ir::Atom& output : jaxpr.outputs) {
    if (const auto* variable = std::get_if<ir::Variable>(&output))
      results.push_back(frames_.back().scalars.at(variable->index).value().real);
    else
      results.push_back(builder.constant(constant(std::get<ir::Literal>(output))));
  }
  frames_.pop_back();
  return builder.finish(std::move(results));
}

}  // namespace jaxc::compiler
