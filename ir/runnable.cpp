// What can be shown but not run: values that JAX does not print.
#include <fmt/format.h>

#include <unordered_set>

#include "ir/counted.h"
#include "ir/parser.h"
#include "ir/source.h"
#include "jaxc/error.h"

namespace jaxc::ir {
namespace {

class Check {
 public:
  void jaxpr(const Jaxpr& jaxpr) {
    for (const Equation& equation : jaxpr.equations) {
      for (const Atom& input : equation.inputs) atom(jaxpr, equation, input);
      for (const JaxprPointer& body : sub_jaxprs(equation)) {
        if (!seen_.insert(body.get()).second) continue;
        if (!body->constants.empty()) {
          throw Error(fmt::format(
              "{}: a jaxpr within an equation has {}, whose values are not in the text, "
              "so the program cannot run; export it with its constants hoisted\n  {}",
              name(equation.primitive), counted(body->constants.size(), "constant"), describe(jaxpr, equation)));
        }
        this->jaxpr(*body);
      }
    }
    for (const Atom& output : jaxpr.outputs) {
      if (is_opaque(output)) {
        throw Error(
            "program: an output is an array literal, whose elements are not in the text, so the program cannot run; "
            "export it with its constants hoisted");
      }
    }
  }

 private:
  static bool is_opaque(const Atom& atom) {
    const auto* const literal = std::get_if<Literal>(&atom);
    return literal != nullptr && std::holds_alternative<Literal::Opaque>(literal->value);
  }

  static void atom(const Jaxpr& jaxpr, const Equation& equation, const Atom& atom) {
    if (!is_opaque(atom)) return;
    throw Error(
        fmt::format("{}: an operand is an array literal, whose elements are not in the text, so the program "
                    "cannot run; export it with its constants hoisted\n  {}",
                    name(equation.primitive), describe(jaxpr, equation)));
  }

  std::unordered_set<const Jaxpr*> seen_;
};

}  // namespace

void require_runnable(const Jaxpr& jaxpr) {
  Check().jaxpr(jaxpr);
}

}  // namespace jaxc::ir
