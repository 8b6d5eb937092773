// The table of signatures, and the checks that all type rules share.
#include "ir/prims/type_rules.h"

#include "ir/counted.h"
#include "ir/prims/known_parameters.h"
#include "ir/prims/signature.h"

namespace jaxc::ir {

namespace {

constexpr const Signature* table[] = {
#define JAXC_SIGNATURE_ENTRY(enumerator, ...) &signatures::enumerator,
    JAXC_PRIMITIVES(JAXC_SIGNATURE_ENTRY)
#undef JAXC_SIGNATURE_ENTRY
};

Types checked(const Equation& equation, const Types& operands, const Types& declared) {
  check_parameters(equation);
  const Signature& row = signature(equation.primitive);
  const TypeQuery query{equation, operands, declared, row.domain};
  const auto count = static_cast<std::int64_t>(operands.size());
  const OperandCount& allowed = row.domain.operands;
  if (allowed.minimum == allowed.maximum) {
    query.require(count == allowed.minimum, "takes {}, got {}", counted(allowed.minimum, "operand"), count);
  } else {
    query.require(count >= allowed.minimum, "takes at least {}, got {}", counted(allowed.minimum, "operand"), count);
    query.require(count <= allowed.maximum, "takes at most {}, got {}", counted(allowed.maximum, "operand"), count);
  }
  if (count > 0) {
    query.require(contains(row.domain.dtypes, operands[0].dtype), "operand must be {}, got {}",
                  describe(row.domain.dtypes), to_string(operands[0]));
  }
  Types types = row.types(query);
  for (const Type& type : types) {
    for (std::int64_t extent : type.shape) query.require(extent >= 0, "the result would be {}", to_string(type));
    byte_count(type);
  }
  return types;
}

}  // namespace

const Signature& signature(Primitive primitive) {
  return *table[static_cast<std::size_t>(primitive)];
}

const Domain& domain(Primitive primitive) {
  return signature(primitive).domain;
}

std::vector<Type> infer_types(const Equation& equation, const std::vector<Type>& operands,
                              const std::vector<Type>& declared) {
  try {
    return checked(equation, operands, declared);
  } catch (const Error& error) {
    const std::string message = error.what();
    const std::string prefix = fmt::format("{}: ", name(equation.primitive));
    throw Error((message.starts_with(prefix) ? "" : prefix) + message);
  }
}

void check_types(const Equation& equation, const std::vector<Type>& operands, const std::vector<Type>& declared) {
  const Types inferred = infer_types(equation, operands, declared);
  if (inferred.size() != declared.size()) {
    throw Error(fmt::format("{}: yields {}, but the program declares {}", name(equation.primitive),
                            counted(inferred.size(), "output"), declared.size()));
  }
  for (std::size_t i = 0; i < inferred.size(); ++i) {
    if (inferred[i] == declared[i]) continue;
    throw Error(fmt::format("{}: output {} must be declared {}, got {}", name(equation.primitive), i,
                            to_string(inferred[i]), to_string(declared[i])));
  }
}

bool contains(DTypes set, DType dtype) {
  DTypes one = DTypes::other;
  if (is_boolean(dtype)) one = DTypes::boolean;
  if (is_signed_integer(dtype)) one = DTypes::signed_integer;
  if (is_unsigned_integer(dtype)) one = DTypes::unsigned_integer;
  if (is_floating(dtype)) one = DTypes::floating;
  if (is_complex(dtype)) one = DTypes::complex;
  return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(one)) != 0;
}

std::string describe(DTypes set) {
  std::vector<std::string_view> names;
  const auto has = [&](DTypes part) {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(part)) == static_cast<std::uint8_t>(part);
  };
  if (has(DTypes::boolean)) names.push_back("boolean");
  if (has(dtypes::integers)) {
    names.push_back("integer");
  } else if (has(DTypes::signed_integer)) {
    names.push_back("signed integer");
  } else if (has(DTypes::unsigned_integer)) {
    names.push_back("unsigned integer");
  }
  if (has(DTypes::floating)) names.push_back("floating");
  if (has(DTypes::complex)) names.push_back("complex");
  if (has(DTypes::other)) names.push_back("key");
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace jaxc::ir
