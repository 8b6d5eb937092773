// Checks inputs and hands them to an Interpreter.
#include "backends/reference/reference.h"

#include <fmt/format.h>

#include "backends/reference/compiled.h"
#include "backends/reference/interpreter.h"
#include "jaxc/error.h"

namespace jaxc::reference {

struct Executable::State {
  State(ir::Program given_program, ir::Plan given_plan)
      : program(std::move(given_program)), plan(std::move(given_plan)), compiled(program, plan) {}

  ir::Program program;
  ir::Plan plan;
  CompiledProgram compiled;
};

Executable::Executable(ir::Program program, ir::Plan plan)
    : state_(std::make_unique<State>(std::move(program), std::move(plan))) {}
Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

const ir::Program& Executable::program() const {
  return state_->program;
}
const ir::Plan& Executable::plan() const {
  return state_->plan;
}

std::vector<Array> Executable::run(std::span<const Array> inputs, const Options& options) const {
  const std::vector<ir::Interface>& expected = state_->program.inputs;
  if (inputs.size() != expected.size())
    throw Error(fmt::format("run: as many inputs as the program has, got {} and {}; pass one array per input",
                            inputs.size(), expected.size()));
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k].type() != expected[k].type)
      throw Error(fmt::format("run: input {} has the program's type, got {} and {}; convert the array", k,
                              to_string(inputs[k].type()), to_string(expected[k].type)));
  return Interpreter(state_->program, state_->plan, state_->compiled, inputs, options).run();
}

}  // namespace jaxc::reference
