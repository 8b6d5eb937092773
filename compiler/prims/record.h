// Record: all that the compiler's stages ask of one primitive, in one row that cannot have a silent gap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/evaluate/application.h"
#include "ir/jaxpr.h"
#include "ir/prims/list.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

class Lowering;
class Batching;
class Differentiation;
class Transposition;

using LowerFunction = void (*)(Lowering& lowering, const ir::Equation& equation);
using BatchFunction = void (*)(Batching& batching, const ir::Equation& equation);
using DifferentiateFunction = void (*)(Differentiation& differentiation, const ir::Equation& equation);
using TransposeFunction = void (*)(Transposition& transposition, const ir::Equation& equation);

/// A rule that is still missing: visible and countable.
struct NotYet {
  std::string_view what;
};
constexpr NotYet not_yet(std::string_view what) {
  return {what};
}

/// Batching: the same equation over operands whose batch axis has been moved to the front.
struct Elementwise {};
inline constexpr Elementwise elementwise;

/// Derivative: the equation applied to the tangents of the operands in `operands` (a bit each), in which it
/// is linear jointly; the others have no tangent and are passed as they are.
struct Linear {
  std::uint64_t operands = ~std::uint64_t{0};
};
inline constexpr Linear linear;
constexpr Linear linear_in(std::initializer_list<unsigned> positions) {
  Linear rule{0};
  for (unsigned position : positions) rule.operands |= std::uint64_t{1} << position;
  return rule;
}
/// Derivative: linear in each of the two operands separately: f(dx, y) + f(x, dy).
struct Bilinear {};
inline constexpr Bilinear bilinear;
/// Derivative: zero wherever it exists (comparisons, rounding, integers).
struct ZeroDerivative {};
inline constexpr ZeroDerivative zero_derivative;
/// No derivative, and why.
struct NotDifferentiable {
  std::string_view why;
};
constexpr NotDifferentiable not_differentiable(std::string_view why) {
  return {why};
}

/// Transpose: never asked for, since the primitive is linear in none of its operands.
struct NotLinear {};
inline constexpr NotLinear not_linear;

/// One column of a record: a function, a rule that is derived from a property, or a named gap.
template <typename Function, typename... Derived>
class Rule {
 public:
  using Choice = std::variant<Function, NotYet, Derived...>;

  constexpr Rule(Function function) : choice_(function) {}  // NOLINT: a row lists functions
  constexpr Rule(NotYet gap) : choice_(gap) {}              // NOLINT
  Rule(std::nullptr_t) = delete;                            // NOLINT
  template <typename Tag>
    requires(std::is_same_v<Tag, Derived> || ...)
  constexpr Rule(Tag tag) : choice_(tag) {}  // NOLINT

  const Choice& choice() const { return choice_; }
  bool missing() const { return std::holds_alternative<NotYet>(choice_); }
  /// The property, when the rule is one.
  template <typename Tag>
  const Tag* derived() const {
    return std::get_if<Tag>(&choice_);
  }
  /// The function; null when the rule is derived from a property. Throws Error for a gap.
  Function function() const {
    if (const auto* gap = std::get_if<NotYet>(&choice_)) {
      throw Error(std::string(gap->what) + ": not supported yet");
    }
    const auto* function = std::get_if<Function>(&choice_);
    return function == nullptr ? nullptr : *function;
  }

 private:
  Choice choice_;
};

using Evaluate = Rule<EvaluateFunction>;
using Lower = Rule<LowerFunction>;
using Batch = Rule<BatchFunction, Elementwise>;
using Differentiate = Rule<DifferentiateFunction, Linear, Bilinear, ZeroDerivative, NotDifferentiable>;
using Transpose = Rule<TransposeFunction, NotLinear>;

/// A primitive's row. No column has a default, so that a row with a gap does not compile.
struct Record {
  Evaluate evaluate;
  Lower lower;
  Batch batch;
  Differentiate jvp;
  Transpose transpose;
};

/// One Record per primitive: a listed primitive without one does not link.
namespace records {
#define JAXC_RECORD(enumerator, ...) extern const Record enumerator;
JAXC_PRIMITIVES(JAXC_RECORD)
#undef JAXC_RECORD
}  // namespace records

const Record& record(ir::Primitive primitive);

}  // namespace jaxc::compiler
