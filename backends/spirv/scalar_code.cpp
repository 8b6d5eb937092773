// Emits scalar regions operation by operation.
#include "backends/spirv/scalar_code.h"

#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::Opcode;
using ir::ScalarOp;

RegionValues::RegionValues(const ir::Region& source, std::vector<Value> region_arguments)
    : region(&source),
      arguments(std::move(region_arguments)),
      values(source.ops.size()),
      tuples(source.ops.size()),
      narrow(source.ops.size()) {}

void ScalarCode::emit(RegionValues& scope, ir::OpId id, const Hooks& hooks) {
  const ScalarOp& op = scope.region->ops[id];
  Value& result = scope.values[id];
  if (emit_narrow(scope, id, hooks)) return;
  switch (op.opcode) {
    case Opcode::constant:
      result = arithmetic_.constant(op.dtype, op.immediate);
      return;
    case Opcode::argument:
      result = scope.arguments[op.immediate];
      return;
    case Opcode::read:
      if (!hooks.read) throw InternalError("spirv: a read outside a nest");
      result = hooks.read(op, scope);
      return;
    case Opcode::element:
      result = scope.tuples[op.arguments[0]][op.immediate];
      return;
    case Opcode::branch:
      branch(scope, id);
      return;
    case Opcode::repeat:
      repeat(scope, id);
      return;
    default:
      break;
  }
  std::vector<Value> operands;
  for (const ir::OpId argument : op.arguments) operands.push_back(scope.values[argument]);
  if (op.opcode == Opcode::call) {
    result = call(op.immediate, operands);
    return;
  }
  // A select's first operand is its condition; its type is that of the others.
  const std::size_t typed = op.opcode == Opcode::select ? 1 : 0;
  result = arithmetic_.apply(op.opcode, op.dtype, scope.region->ops[op.arguments[typed]].dtype, operands);
}

std::vector<Value> ScalarCode::evaluate(const ir::Region& region, std::vector<Value> arguments) {
  RegionValues scope(region, std::move(arguments));
  for (ir::OpId op = 0; op < region.ops.size(); ++op) emit(scope, op, {});
  std::vector<Value> results;
  for (const ir::OpId result : region.results) results.push_back(scope.values[result]);
  return results;
}

void ScalarCode::branch(RegionValues& scope, ir::OpId id) {
  const ScalarOp& op = scope.region->ops[id];
  const Value condition = scope.values[op.arguments[0]];
  std::vector<Value> arguments;
  for (std::size_t i = 1; i < op.arguments.size(); ++i) arguments.push_back(scope.values[op.arguments[i]]);
  std::vector<Variable> variables;
  for (const ir::OpId result : op.regions[0].results) {
    variables.push_back(module_.variable(kind_of(op.regions[0].ops[result].dtype)));
  }
  const auto side = [&](const ir::Region& region) {
    const std::vector<Value> results = evaluate(region, arguments);
    for (std::size_t i = 0; i < results.size(); ++i) module_.write(variables[i], results[i]);
  };
  module_.if_then_else(condition, [&] { side(op.regions[0]); }, [&] { side(op.regions[1]); });
  for (const Variable& variable : variables) scope.tuples[id].push_back(module_.read(variable));
}

void ScalarCode::repeat(RegionValues& scope, ir::OpId id) {
  const ScalarOp& op = scope.region->ops[id];
  std::vector<Variable> variables;
  for (const ir::OpId argument : op.arguments) variables.push_back(module_.variable(scope.values[argument]));
  const auto current = [&] {
    std::vector<Value> values;
    for (const Variable& variable : variables) values.push_back(module_.read(variable));
    return values;
  };
  const auto bound = static_cast<std::int64_t>(std::min<std::uint64_t>(op.immediate, 0x7fffffff));
  const Variable count = module_.variable(module_.integer(Kind::i32, 0));
  module_.loop_while(
      [&] {
        const Value below =
            module_.compare(IntegerCompare::less_signed, module_.read(count), module_.integer(Kind::i32, bound));
        return module_.binary(LogicalBinary::logical_and, below, evaluate(op.regions[0], current())[0]);
      },
      [&] {
        const std::vector<Value> next = evaluate(op.regions[1], current());
        for (std::size_t i = 0; i < next.size(); ++i) module_.write(variables[i], next[i]);
        module_.write(count, module_.binary(IntegerBinary::add, module_.read(count), module_.integer(Kind::i32, 1)));
      });
  scope.tuples[id] = current();
}

Value ScalarCode::call(std::uint64_t number, std::span<const Value> arguments) {
  auto found = functions_.find(number);
  if (found == functions_.end()) {
    const ir::ScalarFunction& source = program_.functions.at(number);
    std::vector<Kind> parameters;
    for (const DType dtype : source.region.arguments) parameters.push_back(kind_of(dtype));
    const Kind result = kind_of(source.region.ops[source.region.results[0]].dtype);
    const Function made = module_.function(source.name, parameters, result, [&](std::span<const Value> values) {
      return evaluate(source.region, {values.begin(), values.end()})[0];
    });
    found = functions_.emplace(number, made).first;
  }
  return module_.call(found->second, arguments);
}

}  // namespace jaxc::spirv
