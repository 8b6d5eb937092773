// Implements simplify: rewrites equations in order, with variables replaced by what they equal.
#include "compiler/lower/simplify.h"

#include <map>
#include <unordered_map>
#include <utility>

#include "compiler/lower/equation_hash.h"
#include "ir/prims/parameters.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

namespace {

using ir::Atom;
using ir::Equation;
using ir::Jaxpr;
using ir::JaxprPointer;
using ir::Kind;
using ir::Parameter;
using ir::Primitive;
using ir::Variable;
using Atoms = std::vector<Atom>;

constexpr std::size_t most_equations = 200'000;

/// What all levels of nesting share: the count of equations, and inner jaxprs already simplified.
struct Shared {
  std::size_t equations = 0;
  /// By the jaxpr as the program holds it, which outlives the walk.
  std::unordered_map<const Jaxpr*, JaxprPointer> inner;
};

Jaxpr simplify_inner(const Jaxpr& jaxpr, Shared& shared);

/// Writes one Jaxpr.
class Writer {
 public:
  explicit Writer(Shared& shared) : shared_(shared) {}

  Jaxpr& result() { return result_; }
  Variable new_input(const Type& type) {
    const Variable variable = result_.add_variable(type);
    result_.inputs.push_back(variable);
    return variable;
  }

  /// The outputs of `jaxpr` for `inputs`; its equations are written here.
  Atoms inline_jaxpr(const Jaxpr& jaxpr, const Atoms& inputs) {
    if (!jaxpr.constants.empty())
      throw Error("simplify: inner jaxprs have no constants; export the program with its constants hoisted");
    if (inputs.size() != jaxpr.inputs.size()) throw InternalError("simplify: a call passes another count of operands");
    std::vector<std::optional<Atom>> values(jaxpr.variables.size());
    for (std::size_t k = 0; k < inputs.size(); ++k) values[jaxpr.inputs[k].index] = inputs[k];
    return inline_equations(jaxpr, values);
  }

  Atoms inline_equations(const Jaxpr& jaxpr, std::vector<std::optional<Atom>>& values) {
    const auto value = [&](const Atom& atom) -> Atom {
      if (const auto* variable = std::get_if<Variable>(&atom)) return values[variable->index].value();
      return atom;
    };
    for (const Equation& original : jaxpr.equations) {
      if (++shared_.equations > most_equations)
        throw Error(
            fmt::format("simplify: a program has at most {} equations once its calls are inlined; "
                        "split the program, or call less often",
                        most_equations));
      Equation equation{original.primitive, original.parameters, {}, {}, original.location};
      for (const Atom& input : original.inputs) equation.inputs.push_back(value(input));
      std::vector<Type> types;
      for (Variable output : original.outputs) types.push_back(jaxpr.type(output));
      const Atoms outputs = rewrite(std::move(equation), types);
      if (outputs.size() != types.size()) throw InternalError("simplify: an equation that was not verified");
      for (std::size_t k = 0; k < outputs.size(); ++k) values[original.outputs[k].index] = outputs[k];
    }
    Atoms outputs;
    for (const Atom& output : jaxpr.outputs) outputs.push_back(value(output));
    return outputs;
  }

 private:
  /// What the outputs of an equation, of these types, equal in the result.
  Atoms rewrite(Equation equation, const std::vector<Type>& types) {
    if (ir::kind(equation.primitive) == Kind::call && equation.primitive != Primitive::platform_index)
      return call(equation);
    std::vector<Type> operands;
    for (const Atom& input : equation.inputs) operands.push_back(result_.type(input));
    if (types.size() == 1)
      if (auto folded = fold_equation(equation, operands, types[0])) return {*folded};
    if (equation.primitive == Primitive::cond)
      if (auto branch = known_branch(equation)) return inline_jaxpr(*branch, rest(equation.inputs, 1));
    if (equation.primitive == Primitive::scan) return scan(equation, types);
    if (equation.primitive == Primitive::while_loop) return while_loop(equation, types);
    for (ir::NamedParameter& parameter : equation.parameters.entries) simplify_parameter(parameter.value);
    return emit(std::move(equation), types);
  }

  static Atoms rest(const Atoms& atoms, std::size_t first) {
    return {atoms.begin() + static_cast<std::ptrdiff_t>(first), atoms.end()};
  }

  Atoms call(const Equation& equation) {
    if (equation.primitive == Primitive::custom_linear_solve) {
      const ir::LinearSolve parts = ir::linear_solve(equation.parameters);
      const auto first = equation.inputs.begin() + parts.matvec.constants + parts.vecmat.constants;
      Atoms inputs(first, first + parts.solve.constants);
      const Atoms right = rest(equation.inputs, static_cast<std::size_t>(parts.constants()));
      inputs.insert(inputs.end(), right.begin(), right.end());
      return inline_jaxpr(*parts.solve.jaxpr, inputs);
    }
    const JaxprPointer jaxpr = ir::called_jaxpr(equation);
    return jaxpr == nullptr ? equation.inputs : inline_jaxpr(*jaxpr, equation.inputs);
  }

  static JaxprPointer known_branch(const Equation& equation) {
    const auto* literal = std::get_if<ir::Literal>(&equation.inputs.at(0));
    if (literal == nullptr) return nullptr;
    std::int64_t index = 0;
    if (const auto* integer = std::get_if<std::int64_t>(&literal->value))
      index = *integer;
    else if (const auto* boolean = std::get_if<bool>(&literal->value))
      index = *boolean ? 1 : 0;
    else
      return nullptr;
    const std::vector<JaxprPointer> branches = equation.parameters.jaxprs("branches");
    const auto last = static_cast<std::int64_t>(branches.size()) - 1;
    return branches.at(static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, last)));
  }

  void simplify_parameter(Parameter& parameter) {
    if (auto* jaxpr = std::get_if<JaxprPointer>(&parameter.value)) {
      if (*jaxpr == nullptr) return;
      JaxprPointer& known = shared_.inner[jaxpr->get()];
      if (known == nullptr) {
        JaxprPointer simplified = std::make_shared<Jaxpr>(simplify_inner(**jaxpr, shared_));
        shared_.inner[jaxpr->get()] = simplified;
        *jaxpr = std::move(simplified);
      } else {
        *jaxpr = known;
      }
    } else if (auto* tuple = std::get_if<Parameter::Tuple>(&parameter.value)) {
      for (Parameter& item : tuple->items) simplify_parameter(item);
    } else if (auto* list = std::get_if<Parameter::List>(&parameter.value)) {
      for (Parameter& item : list->items) simplify_parameter(item);
    }
  }

  // A carry that its body returns unchanged, a constant that is a literal and a constant given twice are known
  // inside the body; what computes from constants alone is computed once, before the loop.
  Atoms scan(const Equation& equation, const std::vector<Type>& types) {
    const ir::ScanShape shape = ir::scan_shape(equation);
    const Jaxpr& original = *shape.body;
    const auto constants = static_cast<std::size_t>(shape.constants);
    const auto carries = static_cast<std::size_t>(shape.carries);
    const auto unchanged = [&](std::size_t carry) {
      return original.outputs[carry] == Atom(original.inputs[constants + carry]);
    };
    Writer body(shared_);
    Atoms operands;
    Atoms inputs(equation.inputs.size());
    const auto pass = [&](std::size_t k) {
      operands.push_back(equation.inputs[k]);
      inputs[k] = body.new_input(original.type(original.inputs[k]));
    };
    std::unordered_map<std::uint32_t, Atom> known;  // inside, by the variable outside
    for (std::size_t k = 0; k < constants + carries; ++k) {
      if (k >= constants && !unchanged(k - constants)) continue;
      inputs[k] = equation.inputs[k];
      const auto* variable = std::get_if<Variable>(&equation.inputs[k]);
      if (variable == nullptr) continue;  // a literal
      if (const auto found = known.find(variable->index); found != known.end()) {
        inputs[k] = found->second;
      } else {
        pass(k);
        known.emplace(variable->index, inputs[k]);
      }
    }
    std::size_t constant_count = operands.size();
    for (std::size_t k = constants; k < equation.inputs.size(); ++k)
      if (k >= constants + carries || !unchanged(k - constants)) pass(k);
    const Atoms results = body.inline_jaxpr(original, inputs);
    for (std::size_t k = 0; k < results.size(); ++k) {
      const bool kept = k < carries ? !unchanged(k) : shape.kept[k - carries];
      if (kept) body.result().outputs.push_back(results[k]);
    }
    if (shape.length > 0) constant_count += hoist(body.result(), operands, constant_count);
    Equation written{Primitive::scan, {}, operands, {}, equation.location};
    std::vector<Type> kept_types;
    for (std::size_t k = 0; k < types.size(); ++k)
      if (k >= carries || !unchanged(k)) kept_types.push_back(types[k]);
    std::int64_t carry_count = 0;
    for (std::size_t k = 0; k < carries; ++k) carry_count += unchanged(k) ? 0 : 1;
    written.parameters.set("jaxpr", {JaxprPointer(std::make_shared<Jaxpr>(without_dead_code(body.result())))});
    written.parameters.set("length", {shape.length});
    written.parameters.set("num_carry", {carry_count});
    written.parameters.set("num_consts", {static_cast<std::int64_t>(constant_count)});
    written.parameters.set("reverse", {shape.reverse});
    const Atoms values = emit(std::move(written), kept_types);
    Atoms outputs;
    std::size_t next = 0;
    for (std::size_t k = 0; k < types.size(); ++k)
      outputs.push_back(k < carries && unchanged(k) ? equation.inputs[constants + k] : values[next++]);
    return outputs;
  }

  // A carry that the body returns unchanged is a constant of both functions; constants that are literals are known.
  Atoms while_loop(const Equation& equation, const std::vector<Type>& types) {
    const auto condition_constants = static_cast<std::size_t>(equation.parameters.integer("cond_nconsts"));
    const auto body_constants = static_cast<std::size_t>(equation.parameters.integer("body_nconsts"));
    const JaxprPointer condition = equation.parameters.jaxpr("cond_jaxpr");
    const JaxprPointer body = equation.parameters.jaxpr("body_jaxpr");
    const Atoms initial = rest(equation.inputs, condition_constants + body_constants);
    // A batched condition keeps values where it does not hold, which it does for unchanged ones too.
    std::vector<bool> unchanged;
    for (std::size_t k = 0; k < initial.size(); ++k)
      unchanged.push_back(body->outputs[k] == Atom(body->inputs[body_constants + k]));
    Atoms operands;
    const auto write = [&](const Jaxpr& original, std::size_t first, std::size_t constants, bool all_outputs) {
      Writer writer(shared_);
      Atoms inputs;
      const auto pass = [&](std::size_t input, const Atom& operand) {
        if (std::holds_alternative<ir::Literal>(operand)) return inputs.push_back(operand);
        operands.push_back(operand);
        inputs.push_back(writer.new_input(original.type(original.inputs[input])));
      };
      for (std::size_t k = 0; k < constants; ++k) pass(k, equation.inputs[first + k]);
      Atoms values(initial.size());
      for (std::size_t k = 0; k < initial.size(); ++k) {
        if (!unchanged[k]) continue;
        pass(constants + k, initial[k]);
        values[k] = inputs.back();
        inputs.pop_back();
      }
      const auto count = static_cast<std::int64_t>(writer.result().inputs.size());
      for (std::size_t k = 0; k < initial.size(); ++k)
        if (!unchanged[k]) values[k] = writer.new_input(original.type(original.inputs[constants + k]));
      inputs.insert(inputs.end(), values.begin(), values.end());
      const Atoms results = writer.inline_jaxpr(original, inputs);
      for (std::size_t k = 0; k < results.size(); ++k)
        if (all_outputs || !unchanged[k]) writer.result().outputs.push_back(results[k]);
      return std::pair(JaxprPointer(std::make_shared<Jaxpr>(without_dead_code(std::move(writer.result())))), count);
    };
    const auto [new_condition, new_condition_constants] = write(*condition, 0, condition_constants, true);
    const auto [new_body, new_body_constants] = write(*body, condition_constants, body_constants, false);
    Equation written{Primitive::while_loop, {}, operands, {}, equation.location};
    std::vector<Type> kept_types;
    for (std::size_t k = 0; k < initial.size(); ++k) {
      if (unchanged[k]) continue;
      written.inputs.push_back(initial[k]);
      kept_types.push_back(types[k]);
    }
    written.parameters.set("body_jaxpr", {new_body});
    written.parameters.set("body_nconsts", {new_body_constants});
    written.parameters.set("cond_jaxpr", {new_condition});
    written.parameters.set("cond_nconsts", {new_condition_constants});
    const Atoms values = emit(std::move(written), kept_types);
    Atoms outputs;
    std::size_t next = 0;
    for (std::size_t k = 0; k < initial.size(); ++k) outputs.push_back(unchanged[k] ? initial[k] : values[next++]);
    return outputs;
  }

  /// Moves equations of `body` that depend on its first `constants` inputs only before the loop, when they
  /// compute or are needed by ones that do. Their outputs become constants; returns how many.
  std::size_t hoist(Jaxpr& body, Atoms& operands, std::size_t constants) {
    std::vector<std::optional<Atom>> outside(body.variables.size());
    for (std::size_t k = 0; k < constants; ++k) outside[body.inputs[k].index] = operands[k];
    std::vector<std::size_t> fixed_equations;
    std::vector<bool> fixed_variables(body.variables.size());
    for (std::size_t k = 0; k < constants; ++k) fixed_variables[body.inputs[k].index] = true;
    for (std::size_t number = 0; number < body.equations.size(); ++number) {
      const Equation& equation = body.equations[number];
      bool depends = false;
      for (const Atom& input : equation.inputs)
        if (const auto* variable = std::get_if<Variable>(&input))
          depends = depends || !fixed_variables[variable->index];
      if (depends) continue;
      fixed_equations.push_back(number);
      for (Variable output : equation.outputs) fixed_variables[output.index] = true;
    }
    // From the last back: wanted are equations that compute from arrays, and what they need.
    std::vector<bool> needed(body.variables.size());
    std::vector<bool> moved(body.equations.size());
    for (auto it = fixed_equations.rbegin(); it != fixed_equations.rend(); ++it) {
      const Equation& equation = body.equations[*it];
      bool wanted = ir::kind(equation.primitive) != Kind::shape && !equation.inputs.empty();
      for (Variable output : equation.outputs) wanted = wanted || needed[output.index];
      if (!wanted) continue;
      moved[*it] = true;
      for (const Atom& input : equation.inputs)
        if (const auto* variable = std::get_if<Variable>(&input)) needed[variable->index] = true;
    }
    std::vector<Variable> inputs;
    Atoms hoisted;
    std::vector<Equation> kept;
    for (std::size_t number = 0; number < body.equations.size(); ++number) {
      const Equation& equation = body.equations[number];
      // Shape primitives stay in the body too, where they are read in place.
      const bool computes = ir::kind(equation.primitive) != Kind::shape;
      if (!moved[number] || !computes) kept.push_back(equation);
      if (!moved[number]) continue;
      Equation copy = equation;
      std::vector<Type> types;
      for (Variable output : copy.outputs) types.push_back(body.type(output));
      copy.outputs.clear();
      for (Atom& input : copy.inputs)
        if (const auto* variable = std::get_if<Variable>(&input)) input = outside[variable->index].value();
      const Atoms values = emit(std::move(copy), types);
      for (std::size_t k = 0; k < values.size(); ++k) {
        const Variable output = equation.outputs[k];
        outside[output.index] = values[k];
        if (!computes) continue;
        inputs.push_back(output);
        hoisted.push_back(values[k]);
      }
    }
    body.equations = std::move(kept);
    const auto place = static_cast<std::ptrdiff_t>(constants);
    operands.insert(operands.begin() + place, hoisted.begin(), hoisted.end());
    body.inputs.insert(body.inputs.begin() + place, inputs.begin(), inputs.end());
    return inputs.size();
  }

  /// Appends the equation, or finds an equal one.
  Atoms emit(Equation equation, const std::vector<Type>& types) {
    const std::size_t hash = hash_of(equation);
    auto [first, last] = known_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Equation& earlier = result_.equations[it->second];
      if (earlier.primitive != equation.primitive || earlier.inputs != equation.inputs ||
          earlier.outputs.size() != types.size() || !(earlier.parameters == equation.parameters))
        continue;
      Atoms outputs(earlier.outputs.begin(), earlier.outputs.end());
      bool same = true;
      for (std::size_t k = 0; k < types.size(); ++k) same = same && result_.type(earlier.outputs[k]) == types[k];
      if (same) return outputs;
    }
    Atoms outputs;
    for (const Type& type : types) {
      equation.outputs.push_back(result_.add_variable(type));
      outputs.emplace_back(equation.outputs.back());
    }
    known_.emplace(hash, result_.equations.size());
    result_.equations.push_back(std::move(equation));
    return outputs;
  }

  Shared& shared_;
  Jaxpr result_;
  std::unordered_multimap<std::size_t, std::size_t> known_;  ///< equations by hash
};

Jaxpr simplify_inner(const Jaxpr& jaxpr, Shared& shared) {
  Writer writer(shared);
  std::vector<std::optional<Atom>> values(jaxpr.variables.size());
  for (Variable constant : jaxpr.constants) {
    const Variable variable = writer.result().add_variable(jaxpr.type(constant));
    writer.result().constants.push_back(variable);
    values[constant.index] = variable;
  }
  for (Variable input : jaxpr.inputs) values[input.index] = writer.new_input(jaxpr.type(input));
  writer.result().outputs = writer.inline_equations(jaxpr, values);
  return without_dead_code(std::move(writer.result()));
}

}  // namespace

Jaxpr simplify(const Jaxpr& jaxpr) {
  Shared shared;
  return simplify_inner(jaxpr, shared);
}

}  // namespace jaxc::compiler
