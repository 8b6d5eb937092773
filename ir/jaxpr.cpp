// Jaxpr: types of atoms and structural equality.
#include "ir/jaxpr.h"

#include <algorithm>
#include <bit>
#include <set>

namespace jaxc::ir {
namespace {

bool same_real(double left, double right) {
  if (left != left) return right != right;
  return std::bit_cast<std::uint64_t>(left) == std::bit_cast<std::uint64_t>(right);
}

/// Compares Jaxprs, remembering the pairs found equal: shared sub-jaxprs are compared once.
class Comparer {
 public:
  bool equal(const Jaxpr& left, const Jaxpr& right) {
    if (&left == &right || equal_.contains({&left, &right})) return true;
    if (left.constants.size() != right.constants.size() || left.inputs.size() != right.inputs.size() ||
        left.equations.size() != right.equations.size() || left.outputs.size() != right.outputs.size()) {
      return false;
    }
    Renaming renaming{left, right, std::vector<std::optional<std::uint32_t>>(left.variables.size())};
    if (!bind(renaming, left.constants, right.constants) || !bind(renaming, left.inputs, right.inputs)) return false;
    for (std::size_t i = 0; i < left.equations.size(); ++i) {
      const Equation& one = left.equations[i];
      const Equation& other = right.equations[i];
      if (one.primitive != other.primitive || !use(renaming, one.inputs, other.inputs) ||
          !equal(one.parameters, other.parameters) || !bind(renaming, one.outputs, other.outputs)) {
        return false;
      }
    }
    if (!use(renaming, left.outputs, right.outputs)) return false;
    equal_.insert({&left, &right});
    return true;
  }

  bool equal(const Parameters& left, const Parameters& right) { return equal(left.entries, right.entries); }

  bool equal(const Parameter& left, const Parameter& right) {
    if (left.value.index() != right.value.index()) return false;
    return std::visit(
        [&]<typename T>(const T& one) {
          const T& other = std::get<T>(right.value);
          if constexpr (std::is_same_v<T, double>) {
            return same_real(one, other);
          } else if constexpr (std::is_same_v<T, std::complex<double>>) {
            return same_real(one.real(), other.real()) && same_real(one.imag(), other.imag());
          } else if constexpr (std::is_same_v<T, Parameter::Tuple> || std::is_same_v<T, Parameter::List>) {
            return equal(one.items, other.items);
          } else if constexpr (std::is_same_v<T, Parameter::Call>) {
            return one.name == other.name && equal(one.arguments, other.arguments);
          } else if constexpr (std::is_same_v<T, JaxprPointer>) {
            return one == other || (one != nullptr && other != nullptr && equal(*one, *other));
          } else {
            return one == other;
          }
        },
        left.value);
  }

  template <typename T>
  bool equal(const std::vector<T>& left, const std::vector<T>& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [this](const T& one, const T& other) { return equal(one, other); });
  }

  bool equal(const NamedParameter& left, const NamedParameter& right) {
    return left.key == right.key && equal(left.value, right.value);
  }

 private:
  struct Renaming {
    const Jaxpr& left;
    const Jaxpr& right;
    std::vector<std::optional<std::uint32_t>> right_of_left;
  };

  static bool bind(Renaming& renaming, const std::vector<Variable>& left, const std::vector<Variable>& right) {
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (renaming.left.type(left[i]) != renaming.right.type(right[i])) return false;
      renaming.right_of_left[left[i].index] = right[i].index;
    }
    return true;
  }

  static bool use(const Renaming& renaming, const std::vector<Atom>& left, const std::vector<Atom>& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [&](const Atom& one, const Atom& other) {
      if (one.index() != other.index()) return false;
      if (const auto* literal = std::get_if<Literal>(&one)) return *literal == std::get<Literal>(other);
      return renaming.right_of_left[std::get<Variable>(one).index] == std::get<Variable>(other).index;
    });
  }

  std::set<std::pair<const Jaxpr*, const Jaxpr*>> equal_;
};

}  // namespace

bool operator==(const Literal& left, const Literal& right) {
  if (left.type != right.type || left.value.index() != right.value.index()) return false;
  if (const auto* real = std::get_if<double>(&left.value)) return same_real(*real, std::get<double>(right.value));
  if (const auto* complex = std::get_if<std::complex<double>>(&left.value)) {
    const auto& other = std::get<std::complex<double>>(right.value);
    return same_real(complex->real(), other.real()) && same_real(complex->imag(), other.imag());
  }
  return left.value == right.value;
}

bool operator==(const Parameter& left, const Parameter& right) {
  return Comparer().equal(left, right);
}

bool operator==(const Parameter::Tuple& left, const Parameter::Tuple& right) {
  return Comparer().equal(left.items, right.items);
}

bool operator==(const Parameter::List& left, const Parameter::List& right) {
  return Comparer().equal(left.items, right.items);
}

bool operator==(const Parameter::Call& left, const Parameter::Call& right) {
  return left.name == right.name && Comparer().equal(left.arguments, right.arguments);
}

const Type& Jaxpr::type(const Atom& atom) const {
  if (const auto* variable = std::get_if<Variable>(&atom)) return type(*variable);
  return std::get<Literal>(atom).type;
}

std::vector<Type> Jaxpr::input_types() const {
  std::vector<Type> types;
  for (const Variable input : inputs) types.push_back(type(input));
  return types;
}

std::vector<Type> Jaxpr::output_types() const {
  std::vector<Type> types;
  for (const Atom& output : outputs) types.push_back(type(output));
  return types;
}

Variable Jaxpr::add_variable(Type type) {
  variables.push_back(std::move(type));
  return {static_cast<std::uint32_t>(variables.size() - 1)};
}

bool structurally_equal(const Jaxpr& left, const Jaxpr& right) {
  return Comparer().equal(left, right);
}

void append_jaxprs(const Parameter& parameter, std::vector<JaxprPointer>& jaxprs) {
  std::visit(
      [&]<typename T>(const T& value) {
        if constexpr (std::is_same_v<T, JaxprPointer>) {
          if (value != nullptr) jaxprs.push_back(value);
        } else if constexpr (std::is_same_v<T, Parameter::Tuple> || std::is_same_v<T, Parameter::List>) {
          for (const Parameter& item : value.items) append_jaxprs(item, jaxprs);
        } else if constexpr (std::is_same_v<T, Parameter::Call>) {
          for (const auto& [key, argument] : value.arguments) append_jaxprs(argument, jaxprs);
        }
      },
      parameter.value);
}

std::vector<JaxprPointer> sub_jaxprs(const Equation& equation) {
  std::vector<JaxprPointer> jaxprs;
  for (const auto& [key, parameter] : equation.parameters.entries) append_jaxprs(parameter, jaxprs);
  return jaxprs;
}

}  // namespace jaxc::ir
