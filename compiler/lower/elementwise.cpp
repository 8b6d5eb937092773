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

OpId Lowering::widen(RegionBuilder& builder, DType dtype, OpId value) {
  if (dtype == DType::f16) return call(builder, "f32_from_f16", {value});
  if (dtype == DType::bf16) return call(builder, "f32_from_bf16", {value});
  return value;
}

OpId Lowering::round(RegionBuilder& builder, DType dtype, OpId value) {
  if (dtype == DType::f16) return call(builder, "f16_from_f32", {value});
  if (dtype == DType::bf16) return call(builder, "bf16_from_f32", {value});
  if (is_narrow_integer(dtype)) {
    const DType storage = storage_dtype(dtype);
    const std::int64_t highest = std::int64_t{1} << (value_bits(dtype) - 1);
    const auto masked = [&](std::int64_t mask) {
      return builder.binary(Opcode::bit_and, value, builder.integer(storage, mask));
    };
    if (!is_signed_integer(dtype)) return masked(2 * highest - 1);
    // The highest bit counts negatively. Not by shifts there and back, nor by the exclusive or that stands for them:
    // NVIDIA's driver (580) drops those behind a negation in 8 bits.
    return builder.binary(Opcode::sub, masked(highest - 1), masked(highest));
  }
  return value;
}

ir::ArrayId Lowering::rounded(DType dtype, ir::ArrayId array) {
  if (compute_dtype(dtype) == dtype || is_complex(dtype)) return array;
  return map(Shape(shape(array)), {array},
             [&](RegionBuilder& builder, std::span<const OpId> values) { return round(builder, dtype, values[0]); });
}

void Lowering::define_rounded(std::span<const ir::Variable> variables, std::span<const ir::ArrayId> values) {
  for (std::size_t k = 0; k < variables.size(); ++k) define(variables[k], rounded(type(variables[k]).dtype, values[k]));
}

ir::ArrayId Lowering::widened(const ir::Atom& atom) {
  const ir::ArrayId value = array(atom);
  const DType dtype = type(atom).dtype;
  if (compute_dtype(dtype) == storage_dtype(dtype)) return value;
  return map(Shape(shape(value)), {value},
             [&](RegionBuilder& builder, std::span<const OpId> values) { return widen(builder, dtype, values[0]); });
}

std::optional<ir::ArrayId> Lowering::widened_factor(const ir::Atom& atom, std::int64_t multiplications) {
  constexpr std::int64_t fewest_uses = 32;
  const Type& type = this->type(atom);
  const bool is_wide = !is_floating(type.dtype) || compute_dtype(type.dtype) == type.dtype;
  if (is_wide || !options_.for_caches || multiplications < fewest_uses ||
      multiplications / fewest_uses < element_count(type.shape))
    return std::nullopt;
  return widened(atom);
}

ScalarValue Lowering::element_value(RegionBuilder& builder, const ir::Atom& atom, std::vector<Index> indices) {
  const DType dtype = type(atom).dtype;
  if (!is_complex(dtype) && dtype != DType::key)
    return {widen(builder, dtype, element(builder, atom, std::move(indices)))};
  indices.push_back(fixed(0));
  const OpId real = element(builder, atom, indices);
  indices.back() = fixed(1);
  return {real, element(builder, atom, std::move(indices))};
}

ScalarValue Lowering::load(RegionBuilder& builder, const ir::Atom& atom, std::span<const OpId> axes) {
  const Type& type = this->type(atom);
  const Frame& frame = frames_.back();
  const auto* variable = std::get_if<ir::Variable>(&atom);
  if (frame.builder != nullptr && variable != nullptr) {
    const std::optional<ScalarValue>& value = frame.scalars.at(variable->index);
    if (!value) throw InternalError("lower: a variable is used before it is assigned");
    return {widen(builder, type.dtype, value->real), value->imaginary};
  }
  std::vector<Index> indices;
  for (std::size_t k = 0; k < type.shape.size(); ++k) indices.push_back(type.shape[k] == 1 ? fixed(0) : at(axes[k]));
  return element_value(builder, atom, std::move(indices));
}

void Lowering::elementwise(const ir::Equation& equation, const ScalarRule& rule) {
  const ir::Variable output = equation.outputs.at(0);
  const Type& type = frames_.back().jaxpr->type(output);
  const auto value_at = [&](RegionBuilder& builder, std::span<const OpId> axes) {
    std::vector<ScalarValue> operands;
    for (const ir::Atom& atom : equation.inputs) operands.push_back(load(builder, atom, axes));
    ScalarValue value = rule(builder, operands);
    value.real = round(builder, type.dtype, value.real);
    return value;
  };
  if (RegionBuilder* builder = frames_.back().builder) {
    if (!type.shape.empty()) fail("has an array in a function of scalars; only scalars may occur there");
    frames_.back().scalars.at(output.index) = value_at(*builder, {});
    return;
  }
  define(output, generate(storage_shape(type), [&](RegionBuilder& builder, std::span<const OpId> axes) {
           const ScalarValue value = value_at(builder, axes);
           if (!value.imaginary) return value.real;
           const OpId first = builder.binary(Opcode::eq, axes.back(), builder.integer(DType::i64, 0));
           return builder.select(first, value.real, *value.imaginary);
         }));
}

ir::Region Lowering::region(const ir::Jaxpr& jaxpr) {
  RegionBuilder builder;
  std::vector<ScalarValue> inputs;
  for (ir::Variable input : jaxpr.inputs) {
    const Type& type = jaxpr.type(input);
    if (!type.shape.empty() || type.dtype == DType::key)
      fail(fmt::format("holds a function of scalars, got an argument of type {}", to_string(type)));
    ScalarValue value{builder.argument(storage_dtype(type.dtype))};
    if (is_complex(type.dtype)) value.imaginary = builder.argument(storage_dtype(type.dtype));
    inputs.push_back(value);
  }
  std::vector<OpId> results;
  for (const ScalarValue& value : scalars_of(builder, jaxpr, inputs)) {
    results.push_back(value.real);
    if (value.imaginary) results.push_back(*value.imaginary);
  }
  return builder.finish(std::move(results));
}

ScalarValue Lowering::scalar_of(RegionBuilder& builder, const ir::Atom& atom) const {
  if (const auto* variable = std::get_if<ir::Variable>(&atom))
    return frames_.back().scalars.at(variable->index).value();
  const auto& literal = std::get<ir::Literal>(atom);
  ScalarValue value{builder.constant(constant(literal))};
  if (is_complex(literal.type.dtype)) value.imaginary = builder.constant(constant(literal, 1));
  return value;
}

void Lowering::inline_scalars(const ir::Equation& equation, const ir::Jaxpr& jaxpr) {
  RegionBuilder& builder = *frames_.back().builder;
  std::vector<ScalarValue> inputs;
  for (const ir::Atom& atom : equation.inputs) inputs.push_back(scalar_of(builder, atom));
  const std::vector<ScalarValue> results = scalars_of(builder, jaxpr, inputs);
  for (std::size_t k = 0; k < results.size(); ++k) frames_.back().scalars.at(equation.outputs.at(k).index) = results[k];
}

std::vector<ScalarValue> Lowering::scalars_of(RegionBuilder& builder, const ir::Jaxpr& jaxpr,
                                              std::span<const ScalarValue> inputs) {
  if (!jaxpr.constants.empty()) fail("holds a function of scalars with constants; pass them as operands");
  Frame frame;
  frame.jaxpr = &jaxpr;
  frame.scalars.resize(jaxpr.variables.size());
  frame.builder = &builder;
  for (std::size_t k = 0; k < inputs.size(); ++k) frame.scalars.at(jaxpr.inputs.at(k).index) = inputs[k];
  frames_.push_back(std::move(frame));
  lower_equations();
  std::vector<ScalarValue> results;
  for (const ir::Atom& output : jaxpr.outputs) results.push_back(scalar_of(builder, output));
  frames_.pop_back();
  return results;
}

}  // namespace jaxc::compiler
