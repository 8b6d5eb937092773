// Delta debugging: a failing program becomes the smallest that still fails in the same way.
#include <algorithm>
#include <map>

#include "compiler/evaluate/evaluate.h"
#include "jaxc/error.h"
#include "program.h"

namespace jaxc::random_programs {

namespace {

using ir::Equation;
using ir::Jaxpr;
using ir::Variable;

/// Marks what the outputs need, equations without needed results are dropped.
Jaxpr without_dead_equations(Jaxpr jaxpr) {
  std::vector<bool> needed(jaxpr.variables.size());
  const auto need = [&](const ir::Atom& atom) {
    if (const auto* variable = std::get_if<Variable>(&atom)) needed[variable->index] = true;
  };
  std::for_each(jaxpr.outputs.begin(), jaxpr.outputs.end(), need);
  std::vector<Equation> kept;
  for (auto it = jaxpr.equations.rbegin(); it != jaxpr.equations.rend(); ++it) {
    if (std::none_of(it->outputs.begin(), it->outputs.end(), [&](Variable v) { return needed[v.index]; })) continue;
    std::for_each(it->inputs.begin(), it->inputs.end(), need);
    kept.push_back(*it);
  }
  std::reverse(kept.begin(), kept.end());
  jaxpr.equations = std::move(kept);
  return jaxpr;
}

/// What a message is about: the backend and the kind of problem, without numbers.
std::string signature(const Outcome& outcome) {
  std::string text;
  for (char c : outcome.message.substr(0, outcome.message.find("element")))
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) text += c;
  return text.substr(0, 60);
}

/// Equation `position` goes; its results become inputs with the values that they have.
std::optional<TestProgram> cut(const TestProgram& program, std::size_t position) {
  TestProgram result = program;
  const Equation equation = program.jaxpr.equations[position];
  Jaxpr prefix = program.jaxpr;
  prefix.outputs.assign(equation.outputs.begin(), equation.outputs.end());
  for (Variable output : equation.outputs)
    if (program.jaxpr.type(output).dtype == DType::key) return std::nullopt;
  const std::vector<Array> values = compiler::evaluate(without_dead_equations(prefix), {}, program.inputs);
  for (std::size_t k = 0; k < values.size(); ++k) {
    result.jaxpr.inputs.push_back(equation.outputs[k]);
    result.inputs.push_back(values[k]);
  }
  result.jaxpr.equations.erase(result.jaxpr.equations.begin() + static_cast<std::ptrdiff_t>(position));
  return without_unused(result);
}

/// Equation `position` is replaced by one of its operands of the same type.
std::vector<Jaxpr> bypasses(const Jaxpr& jaxpr, std::size_t position) {
  std::vector<Jaxpr> results;
  const Equation& equation = jaxpr.equations[position];
  if (equation.outputs.size() != 1) return results;
  std::vector<ir::Atom> candidates = equation.inputs;
  for (Variable input : jaxpr.inputs) candidates.emplace_back(input);
  for (const ir::Atom& candidate : candidates) {
    if (jaxpr.type(candidate) != jaxpr.type(equation.outputs[0])) continue;
    Jaxpr result = jaxpr;
    result.equations.erase(result.equations.begin() + static_cast<std::ptrdiff_t>(position));
    const auto replace = [&](ir::Atom& atom) {
      if (atom == ir::Atom(equation.outputs[0])) atom = candidate;
    };
    for (Equation& other : result.equations) std::for_each(other.inputs.begin(), other.inputs.end(), replace);
    std::for_each(result.outputs.begin(), result.outputs.end(), replace);
    results.push_back(without_dead_equations(result));
  }
  return results;
}

/// Every jaxpr that differs from `jaxpr` by one bypass, in it or within one of its equations.
std::vector<Jaxpr> smaller(const Jaxpr& jaxpr);

std::vector<ir::Parameter> smaller(const ir::Parameter& parameter) {
  std::vector<ir::Parameter> results;
  if (const auto* inner = std::get_if<ir::JaxprPointer>(&parameter.value)) {
    for (Jaxpr& candidate : smaller(**inner)) results.push_back({std::make_shared<Jaxpr>(std::move(candidate))});
  } else if (const auto* tuple = std::get_if<ir::Parameter::Tuple>(&parameter.value)) {
    for (std::size_t k = 0; k < tuple->items.size(); ++k) {
      for (ir::Parameter& item : smaller(tuple->items[k])) {
        ir::Parameter::Tuple changed = *tuple;
        changed.items[k] = std::move(item);
        results.push_back({changed});
      }
    }
  }
  return results;
}

std::vector<Jaxpr> smaller(const Jaxpr& jaxpr) {
  std::vector<Jaxpr> results;
  for (std::size_t k = jaxpr.equations.size(); k-- > 0;) {
    std::vector<Jaxpr> bypassed = bypasses(jaxpr, k);
    results.insert(results.end(), bypassed.begin(), bypassed.end());
    for (std::size_t p = 0; p < jaxpr.equations[k].parameters.entries.size(); ++p) {
      for (ir::Parameter& parameter : smaller(jaxpr.equations[k].parameters.entries[p].value)) {
        Jaxpr result = jaxpr;
        result.equations[k].parameters.entries[p].value = std::move(parameter);
        results.push_back(std::move(result));
      }
    }
  }
  return results;
}

}  // namespace

TestProgram without_unused(const TestProgram& program) {
  TestProgram result = program;
  result.jaxpr = without_dead_equations(program.jaxpr);
  std::vector<bool> used(result.jaxpr.variables.size());
  const auto use = [&](const ir::Atom& atom) {
    if (const auto* variable = std::get_if<Variable>(&atom)) used[variable->index] = true;
  };
  for (const Equation& equation : result.jaxpr.equations)
    std::for_each(equation.inputs.begin(), equation.inputs.end(), use);
  std::for_each(result.jaxpr.outputs.begin(), result.jaxpr.outputs.end(), use);
  result.inputs.clear();
  std::vector<Variable> inputs;
  for (std::size_t k = 0; k < program.jaxpr.inputs.size(); ++k) {
    if (!used[program.jaxpr.inputs[k].index]) continue;
    inputs.push_back(program.jaxpr.inputs[k]);
    result.inputs.push_back(program.inputs[k]);
  }
  result.jaxpr.inputs = inputs;
  return result;
}

TestProgram minimise(TestProgram program, const std::vector<Backend>& backends) {
  const std::string wanted = signature(check_apart(program, backends));
  int attempts = 400;
  const auto keep = [&](const TestProgram& candidate) {
    if (--attempts < 0) return false;
    const Outcome outcome = check_apart(candidate, backends);
    if (outcome.kind != Outcome::Kind::failed || signature(outcome) != wanted) return false;
    program = candidate;
    return true;
  };
  // One output, where one is enough.
  for (std::size_t k = 0; k < program.jaxpr.outputs.size() && program.jaxpr.outputs.size() > 1;) {
    TestProgram candidate = program;
    candidate.jaxpr.outputs.erase(candidate.jaxpr.outputs.begin() + static_cast<std::ptrdiff_t>(k));
    if (!keep(without_unused(candidate))) ++k;
  }
  for (bool changed = true; changed && attempts > 0;) {
    changed = false;
    for (std::size_t k = program.jaxpr.equations.size(); k-- > 0;) {
      if (k >= program.jaxpr.equations.size()) continue;
      try {
        const auto candidate = cut(program, k);
        if (candidate) changed = keep(*candidate) || changed;
      } catch (const Error&) {
        // The prefix alone is no program; its equation stays.
      }
    }
    for (bool inner = true; inner && attempts > 0;) {
      inner = false;
      for (Jaxpr& jaxpr : smaller(program.jaxpr)) {
        if (!keep(without_unused({std::move(jaxpr), program.inputs, program.counts}))) continue;
        inner = changed = true;
        break;
      }
    }
  }
  return program;
}

}  // namespace jaxc::random_programs
