// fold_equation: equations that need no code.
#include <algorithm>
#include <limits>
#include <numeric>

#include "compiler/lower/simplify.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using ir::Atom;
using ir::Equation;
using ir::Literal;
using ir::Primitive;

/// An integer or boolean scalar literal's value; u64 beyond i64 and other types give nothing.
std::optional<std::int64_t> integer_of(const Atom& atom) {
  const auto* literal = std::get_if<Literal>(&atom);
  if (literal == nullptr || !literal->type.shape.empty()) return std::nullopt;
  if (literal->type.dtype != DType::boolean && !is_integer(literal->type.dtype)) return std::nullopt;
  if (const auto* value = std::get_if<bool>(&literal->value)) return *value ? 1 : 0;
  if (const auto* value = std::get_if<std::int64_t>(&literal->value)) return *value;
  if (const auto* value = std::get_if<std::uint64_t>(&literal->value))
    if (*value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(*value);
  return std::nullopt;
}

bool fits(DType dtype, std::int64_t value) {
  if (dtype == DType::boolean) return value == 0 || value == 1;
  const int width = value_bits(dtype);
  if (is_unsigned_integer(dtype)) return value >= 0 && (width >= 63 || value < (std::int64_t{1} << width));
  return width == 64 || (value >= -(std::int64_t{1} << (width - 1)) && value < (std::int64_t{1} << (width - 1)));
}

std::optional<Atom> literal_of(const Type& type, std::optional<std::int64_t> value) {
  if (!value || !type.shape.empty()) return std::nullopt;
  if (is_floating(type.dtype) && std::abs(*value) <= (std::int64_t{1} << 24) &&
      (type.dtype == DType::f32 || type.dtype == DType::f64))
    return Literal{type, static_cast<double>(*value)};
  if (type.dtype == DType::boolean) return Literal{type, *value != 0};
  if (!is_integer(type.dtype) || !fits(type.dtype, *value)) return std::nullopt;
  if (is_unsigned_integer(type.dtype)) return Literal{type, static_cast<std::uint64_t>(*value)};
  return Literal{type, *value};
}

std::optional<std::int64_t> arithmetic(Primitive primitive, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (primitive) {
    case Primitive::add:
      return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Primitive::sub:
      return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Primitive::mul:
      return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Primitive::max:
      return std::max(a, b);
    case Primitive::min:
      return std::min(a, b);
    case Primitive::eq:
      return a == b;
    case Primitive::ne:
      return a != b;
    case Primitive::lt:
      return a < b;
    case Primitive::le:
      return a <= b;
    case Primitive::gt:
      return a > b;
    case Primitive::ge:
      return a >= b;
    default:
      return std::nullopt;
  }
}

/// The operand, when it has the output's type.
std::optional<Atom> operand_if_same(const Equation& equation, const std::vector<Type>& operands, std::size_t k,
                                    const Type& output) {
  if (k < operands.size() && operands[k] == output) return equation.inputs[k];
  return std::nullopt;
}

bool increasing(const std::vector<std::int64_t>& values) {
  for (std::size_t k = 0; k < values.size(); ++k)
    if (values[k] != static_cast<std::int64_t>(k)) return false;
  return true;
}

bool is_one(const Atom& atom) {
  const auto* literal = std::get_if<Literal>(&atom);
  const auto* real = literal == nullptr ? nullptr : std::get_if<double>(&literal->value);
  return real != nullptr ? *real == 1.0 : integer_of(atom) == 1;
}

/// x * 1, and x + 0 and x - 0 over integers.
std::optional<Atom> neutral(const Equation& equation, const std::vector<Type>& operands, const Type& output) {
  const bool product = equation.primitive == Primitive::mul;
  const auto is_neutral = [&](std::size_t k) {
    if (product) return is_one(equation.inputs[k]);
    return is_integer(output.dtype) && integer_of(equation.inputs[k]) == 0;
  };
  if (is_neutral(1))
    if (auto same = operand_if_same(equation, operands, 0, output)) return same;
  if (equation.primitive != Primitive::sub && is_neutral(0)) return operand_if_same(equation, operands, 1, output);
  return std::nullopt;
}

std::optional<Atom> selection(const Equation& equation, const std::vector<Type>& operands, const Type& output) {
  if (const auto which = integer_of(equation.inputs[0])) {
    const auto last = static_cast<std::int64_t>(equation.inputs.size()) - 2;
    const auto chosen = static_cast<std::size_t>(std::clamp<std::int64_t>(*which, 0, last));
    return operand_if_same(equation, operands, chosen + 1, output);
  }
  for (std::size_t k = 2; k < equation.inputs.size(); ++k)
    if (!(equation.inputs[k] == equation.inputs[1])) return std::nullopt;
  return operand_if_same(equation, operands, 1, output);
}

}  // namespace

std::optional<Atom> fold_equation(const Equation& equation, const std::vector<Type>& operands, const Type& output) {
  switch (equation.primitive) {
    case Primitive::copy:
    case Primitive::copy_p:
    case Primitive::stop_gradient:
      return equation.inputs[0];
    case Primitive::platform_index:
      return literal_of(output, ir::platform_position(equation, "cpu"));
    case Primitive::reshape:
      if (!equation.parameters.integers_or("dimensions", {}).empty()) return std::nullopt;
      return operand_if_same(equation, operands, 0, output);
    case Primitive::squeeze:
    case Primitive::expand_dims:
    case Primitive::slice:
    case Primitive::dynamic_slice:
    case Primitive::broadcast_in_dim:
    case Primitive::split:
      if (equation.outputs.size() > 1) return std::nullopt;
      return operand_if_same(equation, operands, 0, output);
    case Primitive::concatenate:
      return operands.size() == 1 ? std::optional(equation.inputs[0]) : std::nullopt;
    case Primitive::transpose:
      if (increasing(equation.parameters.integers("permutation"))) return equation.inputs[0];
      return std::nullopt;
    case Primitive::convert_element_type: {
      if (auto same = operand_if_same(equation, operands, 0, output)) return same;
      const auto value = integer_of(equation.inputs[0]);
      if (value && output.dtype == DType::boolean) return literal_of(output, *value != 0);
      return literal_of(output, value);
    }
    case Primitive::logical_not: {
      const auto value = integer_of(equation.inputs[0]);
      if (!value || output.dtype != DType::boolean) return std::nullopt;
      return literal_of(output, *value == 0);
    }
    case Primitive::select_n:
      return selection(equation, operands, output);
    default:
      break;
  }
  if (ir::kind(equation.primitive) != ir::Kind::map || operands.size() != 2 ||
      equation.parameters.find("out_dtype") != nullptr)
    return std::nullopt;
  const auto a = integer_of(equation.inputs[0]);
  const auto b = integer_of(equation.inputs[1]);
  if (a && b && (is_integer(output.dtype) || output.dtype == DType::boolean) && operands[0].dtype != DType::boolean)
    if (auto value = literal_of(output, arithmetic(equation.primitive, *a, *b))) return value;
  if (equation.primitive == Primitive::add || equation.primitive == Primitive::sub ||
      equation.primitive == Primitive::mul)
    return neutral(equation, operands, output);
  return std::nullopt;
}

}  // namespace jaxc::compiler
