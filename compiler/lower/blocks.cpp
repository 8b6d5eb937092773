// Lowering's control: blocks, loops, branches, routines and whole jaxprs.
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "compiler/lower/lower.h"
#include "compiler/lower/lowering.h"
#include "compiler/lower/renumber.h"
#include "compiler/prims/record.h"
#include "jaxc/error.h"

namespace jaxc::compiler {

using ir::ArrayId;

namespace {

constexpr ir::NodeId most_nodes = 2'000'000;

}  // namespace

void Lowering::emit(decltype(ir::Node::kind) kind) {
  const std::uint32_t owner = blocks_.back().number;
  std::visit(
      [&](const auto& node) {
        using Kind = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Kind, ir::Nest>) {
          for (const ir::NestOutput& output : node.outputs) owner_[output.result] = owner;
        } else if constexpr (std::is_same_v<Kind, ir::Reshape>) {
          owner_[node.result] = owner;
        } else if constexpr (std::is_same_v<Kind, ir::Loop>) {
          for (const ir::Carry& carry : node.carries) owner_[carry.result] = owner;
          for (const ir::StackedOutput& output : node.outputs) owner_[output.result] = owner;
        } else if constexpr (std::is_same_v<Kind, ir::Branch>) {
          for (ArrayId result : node.results) owner_[result] = owner;
        } else {
          for (ArrayId output : node.outputs) owner_[output] = owner;
        }
      },
      kind);
  if (program_.node_count >= most_nodes)
    fail(fmt::format("a program has at most {} nodes; call functions less often, or use loops", most_nodes));
  const ir::Location location = equation_ == nullptr ? ir::Location{} : equation_->location;
  blocks_.back().block.nodes.push_back(ir::Node{program_.node_count++, location, std::move(kind)});
}

void Lowering::open_block() {
  blocks_.push_back({{}, ++block_count_});
}

ir::Block Lowering::close_block(std::vector<ArrayId> results) {
  ir::Block block = std::move(blocks_.back().block);
  blocks_.pop_back();
  block.results = std::move(results);
  return block;
}

ArrayId Lowering::own(ArrayId array, std::vector<ArrayId>& taken) {
  const bool free = std::find(taken.begin(), taken.end(), array) == taken.end();
  if (owner_[array] != blocks_.back().number || !free) array = copy(array);
  taken.push_back(array);
  return array;
}

LoopValues Lowering::loop(const LoopForm& form, const std::function<LoopValues(const LoopArguments&)>& body) {
  ir::Loop loop;
  loop.name = form.name;
  loop.trip_count = form.trip_count;
  loop.reverse = form.reverse;
  LoopArguments arguments;
  loop.position = arguments.position = new_array(DType::i64, {});
  for (ArrayId initial : form.carries) {
    ir::Carry carry;
    carry.initial = initial;
    carry.argument = new_array(dtype(initial), shape(initial));
    arguments.carries.push_back(carry.argument);
    loop.carries.push_back(carry);
  }
  for (const Sliced& input : form.inputs) {
    Shape slice = shape(input.array);
    slice.erase(slice.begin() + input.axis);
    const ArrayId argument = new_array(dtype(input.array), std::move(slice));
    arguments.inputs.push_back(argument);
    loop.inputs.push_back({input.array, argument, input.axis});
  }
  open_block();
  const LoopValues values = body(arguments);
  std::vector<ArrayId> taken;
  for (std::size_t k = 0; k < loop.carries.size(); ++k) {
    const ArrayId next = values.carries.at(k);
    if (next == loop.carries[k].argument)
      taken.push_back(next);
    else
      own(next, taken);
    loop.carries[k].next = taken.back();
  }
  for (ArrayId output : values.outputs) {
    const ArrayId value = own(output, taken);
    Shape stacked = shape(value);
    stacked.insert(stacked.begin() + form.output_axis, form.trip_count);
    loop.outputs.push_back({value, new_array(dtype(value), std::move(stacked)), form.output_axis});
  }
  loop.body = close_block(taken);
  LoopValues results;
  for (ir::Carry& carry : loop.carries) {
    carry.result = new_array(dtype(carry.initial), shape(carry.initial));
    results.carries.push_back(carry.result);
  }
  for (const ir::StackedOutput& output : loop.outputs) results.outputs.push_back(output.result);
  emit(std::move(loop));
  return results;
}

std::vector<ArrayId> Lowering::loop_while(std::string name, std::span<const ArrayId> initial,
                                          const std::function<ArrayId(std::span<const ArrayId>)>& condition,
                                          const std::function<std::vector<ArrayId>(std::span<const ArrayId>)>& body) {
  ir::Loop loop;
  loop.name = std::move(name);
  loop.position = new_array(DType::i64, {});
  std::vector<ArrayId> arguments;
  for (ArrayId value : initial) {
    ir::Carry carry;
    carry.initial = value;
    carry.argument = new_array(dtype(value), shape(value));
    arguments.push_back(carry.argument);
    loop.carries.push_back(carry);
  }
  open_block();
  const ArrayId holds = condition(arguments);
  loop.condition = close_block({holds});
  open_block();
  const std::vector<ArrayId> nexts = body(arguments);
  std::vector<ArrayId> taken;
  for (std::size_t k = 0; k < loop.carries.size(); ++k) {
    if (nexts.at(k) == loop.carries[k].argument)
      taken.push_back(nexts[k]);
    else
      own(nexts[k], taken);
    loop.carries[k].next = taken.back();
  }
  loop.body = close_block(taken);
  std::vector<ArrayId> results;
  for (ir::Carry& carry : loop.carries) {
    carry.result = new_array(dtype(carry.initial), shape(carry.initial));
    results.push_back(carry.result);
  }
  emit(std::move(loop));
  return results;
}

std::vector<ArrayId> Lowering::branch(ArrayId index, std::span<const std::function<std::vector<ArrayId>()>> blocks) {
  ir::Branch branch;
  branch.index = index;
  for (const auto& write : blocks) {
    open_block();
    std::vector<ArrayId> taken;
    for (ArrayId result : write()) own(result, taken);
    branch.blocks.push_back(close_block(std::move(taken)));
  }
  for (ArrayId result : branch.blocks.at(0).results) branch.results.push_back(new_array(dtype(result), shape(result)));
  std::vector<ArrayId> results = branch.results;
  emit(std::move(branch));
  return results;
}

ir::Block Lowering::block_apart(const std::function<std::vector<ArrayId>()>& body) {
  open_block();
  std::vector<ArrayId> results = body();
  return close_block(std::move(results));
}

std::vector<ArrayId> Lowering::routine(std::string name, std::span<const ArrayId> inputs,
                                       const std::function<std::vector<ArrayId>()>& expansion,
                                       std::optional<ir::Ordering> ordering, std::optional<ir::Prefix> prefix) {
  ir::Routine routine;
  routine.name = std::move(name);
  routine.ordering = ordering;
  routine.prefix = std::move(prefix);
  routine.inputs.assign(inputs.begin(), inputs.end());
  open_block();
  for (ArrayId output : expansion()) own(output, routine.outputs);
  routine.expansion = close_block(routine.outputs);
  std::vector<ArrayId> outputs = routine.outputs;
  emit(std::move(routine));
  return outputs;
}

std::vector<ArrayId> Lowering::routine(std::string name, const ir::MatrixRoutine& matrix,
                                       std::span<const ArrayId> inputs,
                                       const std::function<std::vector<ArrayId>()>& expansion) {
  std::vector<ArrayId> outputs = routine(std::move(name), inputs, expansion);
  std::get<ir::Routine>(blocks_.back().block.nodes.back().kind).matrix = matrix;
  return outputs;
}

std::vector<ArrayId> Lowering::lower_jaxpr(const ir::Jaxpr& jaxpr, std::span<const ArrayId> inputs) {
  if (!jaxpr.constants.empty())
    fail("holds a jaxpr whose constants have no values in the text; export the program with its constants hoisted");
  if (inputs.size() != jaxpr.inputs.size())
    throw InternalError(fmt::format("lower: a jaxpr takes {} inputs, got {}", jaxpr.inputs.size(), inputs.size()));
  Frame frame;
  frame.jaxpr = &jaxpr;
  frame.arrays.resize(jaxpr.variables.size());
  frames_.push_back(std::move(frame));
  for (std::size_t k = 0; k < inputs.size(); ++k) define(jaxpr.inputs[k], inputs[k]);
  lower_equations();
  std::vector<ArrayId> outputs = arrays(jaxpr.outputs);
  frames_.pop_back();
  return outputs;
}

void Lowering::lower_equations() {
  for (const ir::Equation& equation : frames_.back().jaxpr->equations) lower_equation(equation);
}

void Lowering::lower_equation(const ir::Equation& equation) {
  const ir::Equation* const outer = std::exchange(equation_, &equation);
  record(equation.primitive).lower.function()(*this, equation);
  equation_ = outer;
}

ir::Program lower(const ir::Jaxpr& jaxpr, std::span<const Array> constants, const LowerOptions& options) {
  if (constants.size() != jaxpr.constants.size())
    throw Error(fmt::format("lower: the program has {} constants, got values of {}; give one array for each",
                            jaxpr.constants.size(), constants.size()));
  Lowering lowering(options);
  lowering.open_block();
  Lowering::Frame frame;
  frame.jaxpr = &jaxpr;
  frame.arrays.resize(jaxpr.variables.size());
  lowering.frames_.push_back(std::move(frame));
  const auto declare = [&](ir::Variable variable) {
    const Type& type = jaxpr.type(variable);
    const ArrayId array = lowering.new_array(storage_dtype(type.dtype), storage_shape(type));
    lowering.define(variable, array);
    return array;
  };
  for (std::size_t k = 0; k < constants.size(); ++k) {
    const Type& type = jaxpr.type(jaxpr.constants[k]);
    if (constants[k].type() != type)
      throw Error(fmt::format("lower: constant {} has its declared type, got {} and {}; give an array of that type", k,
                              to_string(constants[k].type()), to_string(type)));
    lowering.program_.constants.push_back({declare(jaxpr.constants[k]), constants[k]});
  }
  for (ir::Variable input : jaxpr.inputs) lowering.program_.inputs.push_back({declare(input), jaxpr.type(input)});
  lowering.lower_equations();
  std::vector<ArrayId> outputs;
  for (const ir::Atom& output : jaxpr.outputs) {
    const ArrayId array = lowering.own(lowering.array(output), outputs);
    lowering.program_.outputs.push_back({array, jaxpr.type(output)});
  }
  lowering.program_.body = lowering.close_block(outputs);
  renumber(lowering.program_);
  return std::move(lowering.program_);
}

}  // namespace jaxc::compiler
