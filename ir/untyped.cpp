// Untyped literals: where each primitive's operand takes its type from.
#include "ir/untyped.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

std::string text(const Scalar& value) {
  if (const bool* boolean = std::get_if<bool>(&value)) return *boolean ? "True" : "False";
  return std::visit(
      []<typename T>(const T& number) {
        if constexpr (std::is_same_v<T, std::complex<double>>) {
          return fmt::format("({}{:+}j)", number.real(), number.imag());
        } else {
          return fmt::format("{}", number);
        }
      },
      std::get<Number>(value));
}

template <typename T>
const T* number(const Scalar& value) {
  const Number* any = std::get_if<Number>(&value);
  return any == nullptr ? nullptr : std::get_if<T>(any);
}

bool is_integral(const Scalar& value) {
  return number<std::int64_t>(value) != nullptr || number<std::uint64_t>(value) != nullptr;
}

std::optional<double> as_real(const Scalar& value) {
  if (const auto* real = number<double>(value)) return *real;
  if (const auto* integer = number<std::int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* natural = number<std::uint64_t>(value)) return static_cast<double>(*natural);
  return std::nullopt;
}

bool fits(std::int64_t value, DType dtype) {
  const int bits = value_bits(dtype);
  if (is_unsigned_integer(dtype)) return value >= 0 && (bits == 64 || value < (std::int64_t{1} << bits));
  return bits == 64 || (value >= -(std::int64_t{1} << (bits - 1)) && value < (std::int64_t{1} << (bits - 1)));
}

/// Whether a value may have the dtype, with the conversions of make_literal.
bool is_compatible(const Scalar& value, DType dtype) {
  if (std::holds_alternative<bool>(value)) return is_boolean(dtype);
  if (is_integral(value)) return is_numeric(dtype);
  if (number<double>(value) != nullptr) return is_floating(dtype) || is_complex(dtype);
  return is_complex(dtype);
}

/// The dtype of the first operand from `first` on whose type is known.
std::optional<DType> known_dtype(const Jaxpr& jaxpr, const Equation& equation, const std::vector<bool>& is_typed,
                                 std::size_t first) {
  for (std::size_t i = first; i < equation.inputs.size(); ++i) {
    if (is_typed[i]) return jaxpr.type(equation.inputs[i]).dtype;
  }
  return std::nullopt;
}

std::optional<Type> input_type(const JaxprPointer& jaxpr, std::size_t index) {
  if (jaxpr == nullptr || index >= jaxpr->inputs.size()) return std::nullopt;
  return jaxpr->type(jaxpr->inputs[index]);
}

std::optional<Type> while_operand(const Equation& equation, std::size_t index) {
  const auto constants =
      static_cast<std::size_t>(std::max<std::int64_t>(equation.parameters.integer("cond_nconsts"), 0));
  if (index < constants) return input_type(equation.parameters.jaxpr("cond_jaxpr"), index);
  return input_type(equation.parameters.jaxpr("body_jaxpr"), index - constants);
}

std::optional<Type> branch_operand(const Equation& equation, std::size_t index, const Scalar& value) {
  if (index == 0) return default_type(value);
  const std::vector<JaxprPointer> branches = equation.parameters.jaxprs("branches");
  return branches.empty() ? std::nullopt : input_type(branches[0], index - 1);
}

std::optional<Type> solve_operand(const Jaxpr& jaxpr, const Equation& equation, std::size_t index) {
  const std::vector<JaxprPointer> jaxprs = equation.parameters.jaxprs("jaxprs");
  const auto& lengths = equation.parameters.call("const_lengths").arguments;
  for (std::size_t i = 0; i < lengths.size() && i < jaxprs.size(); ++i) {
    const auto* const length = std::get_if<std::int64_t>(&lengths[i].value.value);
    if (length == nullptr || *length < 0) return std::nullopt;
    if (std::cmp_less(index, *length)) return input_type(jaxprs[i], index);
    index -= static_cast<std::size_t>(*length);
  }
  if (index >= equation.outputs.size()) return std::nullopt;
  return jaxpr.type(equation.outputs[index]);
}

/// The binder that receives the operand, for equations that hold jaxprs.
std::optional<Type> inner_binder(const Jaxpr& jaxpr, const Equation& equation, std::size_t index, const Scalar& value) {
  switch (equation.primitive) {
    case Primitive::scan:
      return input_type(scan_shape(equation).body, index);
    case Primitive::while_loop:
      return while_operand(equation, index);
    case Primitive::cond:
      return branch_operand(equation, index, value);
    case Primitive::custom_linear_solve:
      return solve_operand(jaxpr, equation, index);
    default:
      break;
  }
  const std::vector<JaxprPointer> jaxprs = sub_jaxprs(equation);
  if (jaxprs.size() != 1 || jaxprs[0]->inputs.size() != equation.inputs.size()) return std::nullopt;
  return input_type(jaxprs[0], index);
}

std::optional<DType> map_operand(const Jaxpr& jaxpr, const Equation& equation, std::size_t index,
                                 const std::vector<bool>& is_typed, const Scalar& value, DType result) {
  switch (equation.primitive) {
    case Primitive::select_n:
      if (index == 0) return std::nullopt;
      return result;
    case Primitive::complex:
      return real_dtype(result);
    case Primitive::pow:
      if (index == 1 && is_integral(value) && !is_integer(result)) return std::nullopt;
      return result;
    default:
      break;
  }
  // Predicates compare their operands.
  if (is_boolean(result)) return known_dtype(jaxpr, equation, is_typed, 0).value_or(result);
  return result;
}

std::optional<DType> index_operand(const Jaxpr& jaxpr, const Equation& equation, std::size_t index,
                                   const std::vector<bool>& is_typed, DType result) {
  if (index == 0) return result;
  switch (equation.primitive) {
    case Primitive::dynamic_slice:
      return known_dtype(jaxpr, equation, is_typed, 1);
    case Primitive::dynamic_update_slice:
      return index == 1 ? result : known_dtype(jaxpr, equation, is_typed, 2);
    default:  // gather and scatter: operand, indices, updates
      return index == 1 ? std::nullopt : std::optional(result);
  }
}

std::optional<DType> random_operand(const Equation& equation, std::size_t index) {
  const bool is_word =
      equation.primitive == Primitive::threefry2x32 || (equation.primitive == Primitive::random_fold_in && index == 1);
  return is_word ? std::optional(DType::u32) : std::nullopt;
}

std::optional<DType> operand_dtype(const Jaxpr& jaxpr, const Equation& equation, std::size_t index,
                                   const std::vector<bool>& is_typed, const Scalar& value) {
  if (equation.outputs.empty()) return std::nullopt;
  const DType result = jaxpr.type(equation.outputs[index % equation.outputs.size()]).dtype;
  switch (kind(equation.primitive)) {
    case Kind::map:
      return map_operand(jaxpr, equation, index, is_typed, value, result);
    case Kind::index:
      return index_operand(jaxpr, equation, index, is_typed, result);
    case Kind::random:
      return random_operand(equation, index);
    default:
      return result;
  }
}

}  // namespace

Literal make_literal(const Scalar& value, Type type) {
  const DType dtype = type.dtype;
  const auto literal = [&](auto held) { return Literal{std::move(type), held}; };
  if (const bool* boolean = std::get_if<bool>(&value)) {
    if (is_boolean(dtype) || dtype == DType::float0) return literal(*boolean);
  } else if (is_integer(dtype)) {
    if (const auto* integer = number<std::int64_t>(value); integer != nullptr && fits(*integer, dtype)) {
      if (is_unsigned_integer(dtype)) return literal(static_cast<std::uint64_t>(*integer));
      return literal(*integer);
    }
    if (const auto* natural = number<std::uint64_t>(value); natural != nullptr && dtype == DType::u64) {
      return literal(*natural);
    }
  } else if (is_floating(dtype)) {
    if (const auto real = as_real(value)) return literal(*real);
  } else if (is_complex(dtype)) {
    if (const auto real = as_real(value)) return literal(std::complex<double>(*real));
    return literal(*number<std::complex<double>>(value));
  }
  throw Error(fmt::format("literal: {} is not a value of {}", text(value), name(dtype)));
}

Type default_type(const Scalar& value) {
  if (std::holds_alternative<bool>(value)) return {DType::boolean, {}};
  if (number<double>(value) != nullptr) return {DType::f32, {}};
  if (number<std::complex<double>>(value) != nullptr) return {DType::c64, {}};
  if (number<std::uint64_t>(value) != nullptr) return {DType::u64, {}};
  const std::int64_t integer = *number<std::int64_t>(value);
  for (const DType dtype : {DType::i32, DType::u32}) {
    if (fits(integer, dtype)) return {dtype, {}};
  }
  return {DType::i64, {}};
}

Type operand_type(const Jaxpr& jaxpr, const Equation& equation, std::size_t index, const std::vector<bool>& is_typed,
                  const Scalar& value) {
  if (const std::optional<Type> binder = inner_binder(jaxpr, equation, index, value)) return *binder;
  const std::optional<DType> dtype = operand_dtype(jaxpr, equation, index, is_typed, value);
  if (dtype && is_compatible(value, *dtype)) return {*dtype, {}};
  return default_type(value);
}

std::vector<std::pair<JaxprPointer, std::vector<Type>>> body_output_types(const Jaxpr& jaxpr,
                                                                          const Equation& equation) {
  std::vector<Type> results;
  for (const Variable output : equation.outputs) results.push_back(jaxpr.type(output));
  std::vector<std::pair<JaxprPointer, std::vector<Type>>> bodies;
  // Where a body's outputs have the types of its last inputs.
  const auto types_of_inputs = [](const JaxprPointer& body, std::int64_t first) {
    std::vector<Type> types = body->input_types();
    const auto skipped = std::clamp<std::int64_t>(first, 0, static_cast<std::int64_t>(types.size()));
    types.erase(types.begin(), types.begin() + skipped);
    return types;
  };
  switch (equation.primitive) {
    case Primitive::scan: {
      const ScanShape shape = scan_shape(equation);
      std::vector<Type> types = types_of_inputs(shape.body, shape.constants);
      types.resize(static_cast<std::size_t>(shape.carries));
      std::size_t result = types.size();
      for (const bool kept : shape.kept) {
        // A dropped y has no result to take a type from.
        Type type{DType::float0, {}};
        if (kept && result < results.size()) type = results[result++];
        if (!type.shape.empty()) type.shape.erase(type.shape.begin());
        types.push_back(std::move(type));
      }
      bodies.emplace_back(shape.body, std::move(types));
      break;
    }
    case Primitive::while_loop: {
      const JaxprPointer body = equation.parameters.jaxpr("body_jaxpr");
      bodies.emplace_back(equation.parameters.jaxpr("cond_jaxpr"), std::vector<Type>{{DType::boolean, {}}});
      bodies.emplace_back(body, types_of_inputs(body, equation.parameters.integer("body_nconsts")));
      break;
    }
    case Primitive::associative_scan: {
      const JaxprPointer body = equation.parameters.jaxpr("jaxpr");
      bodies.emplace_back(body, types_of_inputs(body, equation.parameters.integer_or("num_consts", 0)));
      break;
    }
    default: {
      const bool is_fold = kind(equation.primitive) == Kind::reduce || kind(equation.primitive) == Kind::window ||
                           kind(equation.primitive) == Kind::index;
      for (const JaxprPointer& body : sub_jaxprs(equation)) {
        bodies.emplace_back(body, is_fold ? body->input_types() : results);
      }
    }
  }
  return bodies;
}

}  // namespace jaxc::ir
