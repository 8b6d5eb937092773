// Implements the hash by folding everything into one number, in order.
#include "compiler/lower/equation_hash.h"

#include <functional>
#include <string_view>
#include <type_traits>

namespace jaxc::compiler {

namespace {

using ir::Parameter;

class Hash {
 public:
  std::size_t value() const { return value_; }

  void add(std::size_t number) { value_ = (value_ ^ number) * 0x9e3779b97f4a7c15U; }
  void add(std::string_view text) { add(std::hash<std::string_view>()(text)); }
  void add(double number) { add(number != number ? std::size_t{1} : std::hash<double>()(number)); }
  void add(const std::complex<double>& number) {
    add(number.real());
    add(number.imag());
  }

  void add(const ir::Atom& atom) {
    if (const auto* variable = std::get_if<ir::Variable>(&atom)) return add(std::size_t{variable->index});
    const auto& literal = std::get<ir::Literal>(atom);
    add(static_cast<std::size_t>(literal.type.dtype));
    std::visit(
        [&]<typename T>(const T& held) {
          if constexpr (std::is_integral_v<T>)
            add(static_cast<std::size_t>(held));
          else if constexpr (!std::is_same_v<T, ir::Literal::Opaque>)
            add(held);
        },
        literal.value);
  }

  void add(const Parameter& parameter) {
    add(parameter.value.index());
    std::visit(
        [&]<typename T>(const T& held) {
          if constexpr (std::is_integral_v<T>) {
            add(static_cast<std::size_t>(held));
          } else if constexpr (std::is_same_v<T, Parameter::Symbol>) {
            add(std::string_view(held.text));
          } else if constexpr (std::is_same_v<T, Parameter::Tuple> || std::is_same_v<T, Parameter::List>) {
            for (const Parameter& item : held.items) add(item);
          } else if constexpr (std::is_same_v<T, Parameter::Call>) {
            for (const auto& [key, argument] : held.arguments) add(argument);
          } else if constexpr (std::is_same_v<T, ir::JaxprPointer>) {
            if (held != nullptr) add(held->equations.size());
          } else if constexpr (!std::is_same_v<T, Parameter::None>) {
            add(held);
          }
        },
        parameter.value);
  }

 private:
  std::size_t value_ = 0;
};

}  // namespace

std::size_t hash_of(const ir::Equation& equation) {
  Hash hash;
  hash.add(static_cast<std::size_t>(equation.primitive));
  for (const ir::Atom& input : equation.inputs) hash.add(input);
  for (const auto& [key, parameter] : equation.parameters.entries) hash.add(parameter);
  return hash.value();
}

}  // namespace jaxc::compiler
