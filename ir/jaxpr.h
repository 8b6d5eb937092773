// Jaxpr: JAX's typed intermediate form, as data.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ir/prims/list.h"
#include "jaxc/types.h"

namespace jaxc::ir {

struct Jaxpr;
using JaxprPointer = std::shared_ptr<const Jaxpr>;

/// A place in the program's text; line 0 means none.
struct Location {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// A variable: an index into its Jaxpr's `variables`. Assigned once.
struct Variable {
  std::uint32_t index = 0;
  friend bool operator==(const Variable&, const Variable&) = default;
};

/// A literal operand. Always typed (an untyped literal of old JAX takes its type from its equation).
/// `opaque` is an array literal whose values JAX did not print: it can be shown but not run.
struct Literal {
  struct Opaque {
    friend bool operator==(const Opaque&, const Opaque&) = default;
  };
  Type type;
  std::variant<bool, std::int64_t, std::uint64_t, double, std::complex<double>, Opaque> value;
  /// NaN equals NaN and -0.0 differs from 0.0: equality is of bits.
  friend bool operator==(const Literal&, const Literal&);
};

using Atom = std::variant<Variable, Literal>;

struct NamedParameter;

/// A parameter's value: whatever Python's str() can print. Symbols are bare words: enum members
/// ("GatherScatterMode.CLIP"), dtype names ("float32"), "<lambda>".
struct Parameter {
  struct None {
    friend bool operator==(const None&, const None&) = default;
  };
  struct Symbol {
    std::string text;
    friend bool operator==(const Symbol&, const Symbol&) = default;
  };
  struct Tuple {
    std::vector<Parameter> items;
    friend bool operator==(const Tuple&, const Tuple&);
  };
  struct List {
    std::vector<Parameter> items;
    friend bool operator==(const List&, const List&);
  };
  /// A named tuple or constructor: GatherDimensionNumbers(offset_dims=(0,), ...). Positional
  /// arguments have an empty key.
  struct Call {
    std::string name;
    std::vector<NamedParameter> arguments;
    friend bool operator==(const Call&, const Call&);
  };

  std::variant<None, bool, std::int64_t, std::uint64_t, double, std::complex<double>, Symbol, Tuple, List, Call,
               JaxprPointer>
      value;

  /// JaxprPointers compare by what they point to.
  friend bool operator==(const Parameter&, const Parameter&);
};

struct NamedParameter {
  std::string key;
  Parameter value;
  friend bool operator==(const NamedParameter&, const NamedParameter&) = default;
};

/// Named parameters in the order of the text. Accessors throw Error, naming the key, when a value
/// is absent or of another kind; the `_or` forms take a default for absent keys and None.
class Parameters {
 public:
  std::vector<NamedParameter> entries;

  const Parameter* find(std::string_view key) const;
  bool boolean(std::string_view key) const;
  bool boolean_or(std::string_view key, bool fallback) const;
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer_or(std::string_view key, std::int64_t fallback) const;
  double real(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<std::int64_t> integers_or(std::string_view key, std::vector<std::int64_t> fallback) const;
  /// Pairs such as padding=((0, 0), (1, 1)).
  std::vector<std::pair<std::int64_t, std::int64_t>> integer_pairs(std::string_view key) const;
  DType dtype(std::string_view key) const;
  std::optional<DType> optional_dtype(std::string_view key) const;
  /// A symbol's text; an absent key or None gives "".
  std::string symbol_or_empty(std::string_view key) const;
  JaxprPointer jaxpr(std::string_view key) const;
  std::vector<JaxprPointer> jaxprs(std::string_view key) const;
  const Parameter::Call& call(std::string_view key) const;
  void set(std::string key, Parameter value);

  friend bool operator==(const Parameters&, const Parameters&) = default;
};

/// outputs = primitive[parameters] inputs.
struct Equation {
  Primitive primitive;
  Parameters parameters;
  std::vector<Atom> inputs;
  std::vector<Variable> outputs;
  Location location;
};

/// A closed function of typed arrays: { lambda constants ; inputs . let equations in outputs }.
struct Jaxpr {
  std::vector<Type> variables;  ///< the type of each variable
  std::vector<Variable> constants;
  std::vector<Variable> inputs;
  std::vector<Equation> equations;
  std::vector<Atom> outputs;

  const Type& type(const Atom& atom) const;
  const Type& type(Variable variable) const { return variables[variable.index]; }
  std::vector<Type> input_types() const;
  std::vector<Type> output_types() const;
  Variable add_variable(Type type);
};

/// Appends every jaxpr within a parameter, in order; one that occurs twice is listed twice.
void append_jaxprs(const Parameter& parameter, std::vector<JaxprPointer>& jaxprs);
/// Every jaxpr within the equation's parameters.
std::vector<JaxprPointer> sub_jaxprs(const Equation& equation);

/// Equal up to the numbering of variables; locations are ignored.
bool structurally_equal(const Jaxpr& left, const Jaxpr& right);

/// The groups of a scan's operands, read from either printed form (num_consts/num_carry, or ft_in/ft_out).
/// Throws Error when neither form is complete.
struct ScanShape {
  std::int64_t constants = 0;
  std::int64_t carries = 0;
  std::int64_t stacked = 0;
  std::int64_t length = 0;
  bool reverse = false;
  JaxprPointer body;
  /// For each body output after the carries: false where the equation has no such output (a dropped y).
  std::vector<bool> kept;
};
ScanShape scan_shape(const Equation& equation);

}  // namespace jaxc::ir
