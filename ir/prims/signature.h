// Signature: what the intermediate form knows of each primitive, its type rule and its domain.
#pragma once

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "ir/jaxpr.h"
#include "ir/prims/domain.h"
#include "jaxc/error.h"

namespace jaxc::ir {

struct Signature;
using Types = std::vector<Type>;

/// What a type rule sees of an equation. Operands are already counted and their first dtype checked.
struct TypeQuery {
  const Equation& equation;
  const Types& operands;
  /// The types that the program's text declares for the outputs; empty when they are not known yet.
  const Types& declared;
  const Domain& domain;

  const Parameters& parameters() const { return equation.parameters; }

  /// Throws Error with "primitive: message".
  template <typename... Arguments>
  [[noreturn]] void fail(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    throw Error(
        fmt::format("{}: {}", name(equation.primitive), fmt::format(format, std::forward<Arguments>(arguments)...)));
  }
  template <typename... Arguments>
  void require(bool holds, fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    if (!holds) fail(format, std::forward<Arguments>(arguments)...);
  }
};

/// The types of an equation's outputs. Throws Error when operands or parameters do not fit.
using TypeRule = Types (*)(const TypeQuery&);

struct Signature {
  TypeRule types;
  Domain domain;
};

/// One Signature per primitive: a listed primitive without one does not link.
namespace signatures {
#define JAXC_SIGNATURE(enumerator, ...) extern const Signature enumerator;
JAXC_PRIMITIVES(JAXC_SIGNATURE)
#undef JAXC_SIGNATURE
}  // namespace signatures

const Signature& signature(Primitive primitive);

}  // namespace jaxc::ir
