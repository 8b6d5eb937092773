// The evaluator's walk over equations.
#include "compiler/evaluate/evaluate.h"

#include <fmt/format.h>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/values.h"
#include "compiler/prims/record.h"
#include "ir/counted.h"
#include "ir/prims/type_rules.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

constexpr int max_depth = 1000;
constexpr std::int64_t max_elements = std::int64_t{1} << 28;

void require_evaluable(const ir::Equation& equation, const Type& type) {
  if (element_count(type.shape) > max_elements) {
    throw Error(fmt::format("{}: {} is too large to be evaluated element by element; compile the program",
                            name(equation.primitive), to_string(type)));
  }
}

Array literal_value(const ir::Literal& literal) {
  if (std::holds_alternative<ir::Literal::Opaque>(literal.value)) {
    throw Error(
        fmt::format("evaluate: the values of an array literal of type {} are not in the text; export it as a constant",
                    to_string(literal.type)));
  }
  const auto count = static_cast<std::size_t>(element_count(literal.type.shape));
  const auto as = [&]<typename T>(T) {
    const T value = std::visit(
        [](const auto& held) -> T {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, ir::Literal::Opaque>) {
            return T();
          } else if constexpr (is_complex_value<Held> && is_complex_value<T>) {
            return held;
          } else if constexpr (is_complex_value<Held>) {
            throw Error("evaluate: a complex literal has a real type");
          } else {
            return number_cast<T>(held);
          }
        },
        literal.value);
    return store(literal.type, std::vector<T>(count, value));
  };
  return visit(literal.type.dtype, as);
}

class Evaluation {
 public:
  Evaluation(const ir::Jaxpr& jaxpr, const EvaluateOptions& options, int depth)
      : jaxpr_(jaxpr), options_(options), depth_(depth), values_(jaxpr.variables.size()) {
    if (depth > max_depth) throw Error(fmt::format("evaluate: jaxprs are nested more than {} deep", max_depth));
  }

  void bind(std::string_view what, const std::vector<ir::Variable>& variables, std::span<const Array> arrays) {
    if (variables.size() != arrays.size()) {
      throw Error(
          fmt::format("evaluate: the program takes {}, got {}", ir::counted(variables.size(), what), arrays.size()));
    }
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Type& expected = jaxpr_.type(variables[i]);
      if (arrays[i].type() != expected) {
        throw Error(fmt::format("evaluate: {} {} must be {}, got {}", what, i, to_string(expected),
                                to_string(arrays[i].type())));
      }
      values_[variables[i].index] = arrays[i];
    }
  }

  std::vector<Array> run() {
    for (const ir::Equation& equation : jaxpr_.equations) apply(equation);
    std::vector<Array> outputs;
    for (const ir::Atom& atom : jaxpr_.outputs) outputs.push_back(value(atom));
    return outputs;
  }

 private:
  Array value(const ir::Atom& atom) const {
    if (const auto* literal = std::get_if<ir::Literal>(&atom)) return literal_value(*literal);
    return values_[std::get<ir::Variable>(atom).index];
  }

  void apply(const ir::Equation& equation) {
    Application application{equation, {}, {}, options_, depth_};
    std::vector<Type> operand_types;
    for (const ir::Atom& atom : equation.inputs) {
      application.operands.push_back(value(atom));
      operand_types.push_back(jaxpr_.type(atom));
    }
    for (ir::Variable variable : equation.outputs) application.types.push_back(jaxpr_.type(variable));
    ir::check_types(equation, operand_types, application.types);
    for (const Type& type : application.types) require_evaluable(equation, type);
    if (options_.observer != nullptr) options_.observer->before(equation, application.operands);
    std::vector<Array> results = record(equation.primitive).evaluate.function()(application);
    if (results.size() != application.types.size()) {
      throw InternalError(fmt::format("evaluate: {} computed {} results instead of {}", name(equation.primitive),
                                      results.size(), application.types.size()));
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].type() != application.types[i]) {
        throw InternalError(fmt::format("evaluate: {} computed {} instead of {}", name(equation.primitive),
                                        to_string(results[i].type()), to_string(application.types[i])));
      }
    }
    if (options_.observer != nullptr) options_.observer->after(equation, results);
    for (std::size_t i = 0; i < results.size(); ++i) values_[equation.outputs[i].index] = results[i];
  }

  const ir::Jaxpr& jaxpr_;
  const EvaluateOptions& options_;
  const int depth_;
  std::vector<Array> values_;
};

}  // namespace

std::vector<Array> Application::call(const ir::Jaxpr& jaxpr, std::span<const Array> inputs) const {
  if (!jaxpr.constants.empty()) {
    throw Error(fmt::format("{}: its jaxpr has {} without values; export them as operands", name(equation.primitive),
                            ir::counted(jaxpr.constants.size(), "constant")));
  }
  Evaluation evaluation(jaxpr, options, depth + 1);
  evaluation.bind("input", jaxpr.inputs, inputs);
  return evaluation.run();
}

std::vector<Array> evaluate(const ir::Jaxpr& jaxpr, std::span<const Array> constants, std::span<const Array> inputs,
                            const EvaluateOptions& options) {
  try {
    Evaluation evaluation(jaxpr, options, 0);
    evaluation.bind("constant", jaxpr.constants, constants);
    evaluation.bind("input", jaxpr.inputs, inputs);
    return evaluation.run();
  } catch (const std::bad_alloc&) {
    throw Error("evaluate: the program's values do not fit in memory");
  }
}

}  // namespace jaxc::compiler
