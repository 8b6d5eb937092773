// without_dead_code: one walk from the outputs back, into the bodies of scans.
#include <algorithm>
#include <utility>

#include "compiler/lower/simplify.h"

namespace jaxc::compiler {

namespace {

using ir::Atom;
using ir::Equation;
using ir::Jaxpr;
using ir::JaxprPointer;
using ir::Variable;

void mark(std::vector<bool>& live, const Atom& atom) {
  if (const auto* variable = std::get_if<Variable>(&atom)) live[variable->index] = true;
}

/// The variables of `jaxpr` that the outputs chosen by `wanted` depend on.
std::vector<bool> live_variables(const Jaxpr& jaxpr, const std::vector<bool>& wanted) {
  std::vector<bool> live(jaxpr.variables.size());
  for (std::size_t k = 0; k < jaxpr.outputs.size(); ++k)
    if (wanted[k]) mark(live, jaxpr.outputs[k]);
  for (auto equation = jaxpr.equations.rbegin(); equation != jaxpr.equations.rend(); ++equation) {
    bool used = false;
    for (Variable output : equation->outputs) used = used || live[output.index];
    if (!used) continue;
    for (const Atom& input : equation->inputs) mark(live, input);
  }
  return live;
}

template <typename T>
std::vector<T> filtered(const std::vector<T>& values, const std::vector<bool>& kept) {
  std::vector<T> result;
  for (std::size_t k = 0; k < values.size(); ++k)
    if (kept[k]) result.push_back(values[k]);
  return result;
}

std::int64_t count(const std::vector<bool>& flags, std::size_t first, std::size_t size) {
  std::int64_t total = 0;
  for (std::size_t k = first; k < first + size; ++k) total += flags[k] ? 1 : 0;
  return total;
}

/// The scan without the carries and outputs that nothing needs, and without operands that its body does not read.
/// Every body output is an output of the equation.
void prune_scan(Equation& equation, const std::vector<bool>& live) {
  const ir::ScanShape shape = ir::scan_shape(equation);
  const Jaxpr& body = *shape.body;
  const auto constants = static_cast<std::size_t>(shape.constants);
  const auto carries = static_cast<std::size_t>(shape.carries);
  std::vector<bool> outputs;
  for (Variable output : equation.outputs) outputs.push_back(live[output.index]);
  std::vector<bool> read;
  for (bool grown = true; grown;) {
    grown = false;
    read = live_variables(body, outputs);
    for (std::size_t k = 0; k < carries; ++k)
      if (!outputs[k] && read[body.inputs[constants + k].index]) outputs[k] = grown = true;
  }
  std::vector<bool> inputs;
  for (Variable input : body.inputs) inputs.push_back(read[input.index]);
  for (std::size_t k = 0; k < carries; ++k) inputs[constants + k] = outputs[k];
  // A body that is needed whole has been pruned when it was written.
  const auto all = [](const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), false) == flags.end();
  };
  if (all(inputs) && all(outputs)) return;
  Jaxpr pruned = body;
  pruned.inputs = filtered(body.inputs, inputs);
  pruned.outputs = filtered(body.outputs, outputs);
  equation.inputs = filtered(equation.inputs, inputs);
  equation.outputs = filtered(equation.outputs, outputs);
  ir::Parameters parameters;
  parameters.set("jaxpr", {JaxprPointer(std::make_shared<Jaxpr>(without_dead_code(std::move(pruned))))});
  parameters.set("length", {shape.length});
  parameters.set("num_carry", {count(inputs, constants, carries)});
  parameters.set("num_consts", {count(inputs, 0, constants)});
  parameters.set("reverse", {shape.reverse});
  equation.parameters = std::move(parameters);
}

}  // namespace

Jaxpr without_dead_code(Jaxpr jaxpr) {
  std::vector<bool> live(jaxpr.variables.size());
  for (const Atom& output : jaxpr.outputs) mark(live, output);
  std::vector<Equation> kept;
  for (auto equation = jaxpr.equations.rbegin(); equation != jaxpr.equations.rend(); ++equation) {
    bool used = false;
    for (Variable output : equation->outputs) used = used || live[output.index];
    if (!used) continue;
    if (equation->primitive == ir::Primitive::scan) prune_scan(*equation, live);
    for (const Atom& input : equation->inputs) mark(live, input);
    kept.push_back(std::move(*equation));
  }
  jaxpr.equations.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  return jaxpr;
}

}  // namespace jaxc::compiler
