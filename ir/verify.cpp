// The verifier: definitions before uses, then types.
#include "ir/verify.h"

#include <fmt/format.h>

#include <unordered_set>

#include "ir/prims/type_rules.h"
#include "ir/source.h"
#include "ir/value_parser.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

class Verifier {
 public:
  explicit Verifier(const Source* source) : source_(source) {}

  void program(const Jaxpr& jaxpr) {
    if (++depth_ > max_nesting) throw Error("program: jaxprs are nested more than 1000 deep");
    check_indices(jaxpr);
    for (const Type& type : jaxpr.variables) byte_count(type);
    std::vector<bool> is_assigned(jaxpr.variables.size());
    for (const Variable constant : jaxpr.constants) assign(is_assigned, constant);
    for (const Variable input : jaxpr.inputs) assign(is_assigned, input);
    for (const Equation& equation : jaxpr.equations) {
      // Bodies come first: the message is then about the innermost fault.
      for (const JaxprPointer& body : sub_jaxprs(equation)) {
        if (verified_.insert(body.get()).second) program(*body);
      }
      try {
        check(jaxpr, equation, is_assigned);
      } catch (const LocatedError&) {
        throw;
      } catch (const Error& error) {
        throw LocatedError(source_ == nullptr ? fmt::format("{}\n  {}", error.what(), describe(jaxpr, equation))
                                              : source_->render(equation.location, error.what()));
      }
    }
    for (const Atom& output : jaxpr.outputs) use(is_assigned, output);
    --depth_;
  }

 private:
  /// Everything else may then look variables up.
  static void check_indices(const Jaxpr& jaxpr) {
    const auto check = [&](Variable variable) {
      if (variable.index >= jaxpr.variables.size()) {
        throw Error(fmt::format("variable: {} is not one of the jaxpr's {}", variable.index, jaxpr.variables.size()));
      }
    };
    const auto check_atoms = [&](const std::vector<Atom>& atoms) {
      for (const Atom& atom : atoms) {
        if (const auto* variable = std::get_if<Variable>(&atom)) check(*variable);
      }
    };
    for (const Variable constant : jaxpr.constants) check(constant);
    for (const Variable input : jaxpr.inputs) check(input);
    for (const Equation& equation : jaxpr.equations) {
      check_atoms(equation.inputs);
      for (const Variable output : equation.outputs) check(output);
    }
    check_atoms(jaxpr.outputs);
  }

  static void assign(std::vector<bool>& is_assigned, Variable variable) {
    if (is_assigned[variable.index]) throw Error(fmt::format("variable: {} is assigned twice", variable.index));
    is_assigned[variable.index] = true;
  }

  static void use(const std::vector<bool>& is_assigned, const Atom& atom) {
    if (const auto* literal = std::get_if<Literal>(&atom)) {
      byte_count(literal->type);
      check_literal(*literal);
      return;
    }
    const Variable variable = std::get<Variable>(atom);
    if (!is_assigned[variable.index]) {
      throw Error(fmt::format("variable: {} is used before it is assigned", variable.index));
    }
  }

  static void check_literal(const Literal& literal) {
    const bool is_valid = std::visit(
        [&]<typename T>(const T&) {
          const DType dtype = literal.type.dtype;
          if constexpr (std::is_same_v<T, bool>) return is_boolean(dtype) || dtype == DType::float0;
          if constexpr (std::is_same_v<T, std::int64_t>) return is_signed_integer(dtype);
          if constexpr (std::is_same_v<T, std::uint64_t>) return is_unsigned_integer(dtype);
          if constexpr (std::is_same_v<T, double>) return is_floating(dtype);
          if constexpr (std::is_same_v<T, std::complex<double>>) return is_complex(dtype);
          if constexpr (std::is_same_v<T, Literal::Opaque>) return true;
        },
        literal.value);
    if (!is_valid) throw Error(fmt::format("literal: its value does not fit its type, {}", to_string(literal.type)));
  }

  static void check(const Jaxpr& jaxpr, const Equation& equation, std::vector<bool>& is_assigned) {
    std::vector<Type> operands;
    for (const Atom& input : equation.inputs) {
      use(is_assigned, input);
      operands.push_back(jaxpr.type(input));
    }
    std::vector<Type> declared;
    for (const Variable output : equation.outputs) {
      assign(is_assigned, output);
      declared.push_back(jaxpr.type(output));
    }
    check_types(equation, operands, declared);
  }

  const Source* source_;
  std::unordered_set<const Jaxpr*> verified_;
  std::size_t depth_ = 0;
};

}  // namespace

void verify(const Jaxpr& jaxpr) {
  Verifier(nullptr).program(jaxpr);
}

void verify(const Jaxpr& jaxpr, const Source& source) {
  Verifier(&source).program(jaxpr);
}

}  // namespace jaxc::ir
