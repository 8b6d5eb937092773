// Compiles regions to instructions with jumps, and runs them.
#include "backends/reference/scalar_evaluate.h"

#include "jaxc/error.h"

namespace jaxc::reference {

using ir::Opcode;
using ir::OpId;
using ir::Region;
using ir::ScalarOp;

namespace {

void collect_callees(const Region& region, std::vector<std::uint64_t>& callees) {
  for (const ScalarOp& op : region.ops) {
    if (op.opcode == Opcode::call) callees.push_back(op.immediate);
    for (const Region& inner : op.regions) collect_callees(inner, callees);
  }
}

}  // namespace

ScalarProgram::ScalarProgram(const ir::Program& program) {
  functions_.resize(program.functions.size());
  std::vector<int> states(program.functions.size(), 0);
  for (std::uint64_t number = 0; number < program.functions.size(); ++number) compile_function(number, program, states);
}

// Callees first, so that calls know where they go.
void ScalarProgram::compile_function(std::uint64_t number, const ir::Program& program, std::vector<int>& states) {
  if (states[number] == 2) return;
  if (states[number] == 1) throw InternalError("reference: a function calls itself");
  states[number] = 1;
  std::vector<std::uint64_t> callees;
  collect_callees(program.functions[number].region, callees);
  for (std::uint64_t callee : callees) compile_function(callee, program, states);
  functions_[number] = compile(program.functions[number].region);
  states[number] = 2;
}

Slot ScalarProgram::new_slot(Value initial) {
  frame_.push_back(initial);
  return static_cast<Slot>(frame_.size() - 1);
}

std::size_t ScalarProgram::emit(Instruction instruction) {
  instructions_.push_back(instruction);
  return instructions_.size() - 1;
}

void ScalarProgram::move(Slot source, Slot result) {
  Instruction instruction;
  instruction.kind = Kind::move;
  instruction.result = result;
  instruction.operands[0] = source;
  emit(instruction);
}

SlotIndex ScalarProgram::index(const ir::Index& index, const Code& code) {
  SlotIndex result{index.offset, {}};
  for (const ir::Index::Term& term : index.terms) result.terms.push_back({term.coefficient, code.ops[term.op]});
  return result;
}

Code ScalarProgram::compile(const Region& region, std::size_t axis_count) {
  Code code;
  code.entry = instructions_.size();
  for (std::size_t k = 0; k < region.arguments.size(); ++k) code.arguments.push_back(new_slot());
  for (std::size_t k = 0; k < axis_count; ++k) code.axes.push_back(new_slot());
  compile_ops(region, code);
  emit({});
  return code;
}

std::vector<Slot> ScalarProgram::inline_region(const Region& region, const std::vector<Slot>& arguments) {
  Code code;
  code.arguments = arguments;
  compile_ops(region, code);
  return code.results;
}

void ScalarProgram::compile_ops(const Region& region, Code& code) {
  std::vector<std::vector<Slot>> many(region.ops.size());  // results of branches and repeats
  for (OpId id = 0; id < region.ops.size(); ++id) {
    const ScalarOp& op = region.ops[id];
    Slot slot = 0;
    switch (op.opcode) {
      case Opcode::constant:
        slot = new_slot(op.immediate);
        break;
      case Opcode::axis:
        slot = code.axes.at(op.immediate);
        break;
      case Opcode::argument:
        slot = code.arguments.at(op.immediate);
        break;
      case Opcode::read:
        slot = new_slot();
        compile_read(op, code, slot);
        break;
      case Opcode::call: {
        const Code& callee = functions_.at(op.immediate);
        for (std::size_t k = 0; k < op.arguments.size(); ++k) move(code.ops[op.arguments[k]], callee.arguments[k]);
        Instruction call;
        call.kind = Kind::call;
        call.target = callee.entry;
        emit(call);
        slot = new_slot();
        move(callee.results[0], slot);
        break;
      }
      case Opcode::branch:
        compile_branch(op, code, many[id]);
        break;
      case Opcode::repeat:
        compile_repeat(op, code, many[id]);
        break;
      case Opcode::element:
        slot = many[op.arguments[0]].at(op.immediate);
        break;
      default: {
        slot = new_slot();
        Instruction operate;
        operate.kind = Kind::operate;
        operate.result = slot;
        for (std::size_t k = 0; k < op.arguments.size(); ++k) operate.operands[k] = code.ops[op.arguments[k]];
        const std::size_t typed = op.opcode == Opcode::select ? 1 : 0;
        operate.operation = operation(op.opcode, region.ops[op.arguments[typed]].dtype, op.dtype);
        emit(operate);
      }
    }
    code.ops.push_back(slot);
  }
  for (OpId result : region.results) code.results.push_back(code.ops[result]);
}

void ScalarProgram::compile_read(const ScalarOp& op, Code& code, Slot result) {
  std::size_t skip = 0;
  if (op.arguments.size() == 2) {
    move(code.ops[op.arguments[1]], result);
    Instruction jump;
    jump.kind = Kind::jump_unless;
    jump.operands[0] = code.ops[op.arguments[0]];
    skip = emit(jump);
  }
  Instruction read;
  read.kind = Kind::read;
  read.result = result;
  read.target = accesses_.size();
  emit(read);
  Access access{op.array, {}};
  for (const ir::Index& each : op.indices) access.indices.push_back(index(each, code));
  accesses_.push_back(std::move(access));
  if (op.arguments.size() == 2) instructions_[skip].target = instructions_.size();
}

void ScalarProgram::compile_branch(const ScalarOp& op, const Code& code, std::vector<Slot>& results) {
  std::vector<Slot> arguments;
  for (std::size_t k = 1; k < op.arguments.size(); ++k) arguments.push_back(code.ops[op.arguments[k]]);
  for (std::size_t k = 0; k < op.regions[0].results.size(); ++k) results.push_back(new_slot());
  Instruction jump;
  jump.kind = Kind::jump_unless;
  jump.operands[0] = code.ops[op.arguments[0]];
  const std::size_t to_else = emit(jump);
  const std::vector<Slot> yes = inline_region(op.regions[0], arguments);
  for (std::size_t k = 0; k < yes.size(); ++k) move(yes[k], results[k]);
  jump.kind = Kind::jump;
  const std::size_t to_end = emit(jump);
  instructions_[to_else].target = instructions_.size();
  const std::vector<Slot> no = inline_region(op.regions[1], arguments);
  for (std::size_t k = 0; k < no.size(); ++k) move(no[k], results[k]);
  instructions_[to_end].target = instructions_.size();
}

void ScalarProgram::compile_repeat(const ScalarOp& op, const Code& code, std::vector<Slot>& results) {
  for (OpId argument : op.arguments) {
    results.push_back(new_slot());
    move(code.ops[argument], results.back());
  }
  const Slot counter = new_slot();
  move(new_slot(op.immediate), counter);
  const std::size_t start = instructions_.size();
  Instruction jump;
  jump.kind = Kind::jump_unless;
  jump.operands[0] = counter;
  const std::size_t exhausted = emit(jump);
  Instruction count;
  count.kind = Kind::operate;
  count.result = counter;
  count.operands[0] = counter;
  count.operands[1] = new_slot(1);
  count.operation = operation(Opcode::sub, DType::u64, DType::u64);
  emit(count);
  jump.operands[0] = inline_region(op.regions[0], results)[0];
  const std::size_t finished = emit(jump);
  std::vector<Slot> next = inline_region(op.regions[1], results);
  for (Slot& slot : next) {  // values may be arguments: all are taken before any is replaced
    const Slot copy = new_slot();
    move(slot, copy);
    slot = copy;
  }
  for (std::size_t k = 0; k < next.size(); ++k) move(next[k], results[k]);
  jump.kind = Kind::jump;
  jump.target = start;
  emit(jump);
  instructions_[exhausted].target = instructions_.size();
  instructions_[finished].target = instructions_.size();
}

void ScalarProgram::execute(std::size_t entry, Value* frame, Reader* reader) const {
  for (std::size_t at = entry;;) {
    const Instruction& instruction = instructions_[at++];
    switch (instruction.kind) {
      case Kind::operate:
        frame[instruction.result] = instruction.operation(
            frame[instruction.operands[0]], frame[instruction.operands[1]], frame[instruction.operands[2]]);
        break;
      case Kind::move:
        frame[instruction.result] = frame[instruction.operands[0]];
        break;
      case Kind::read:
        frame[instruction.result] = reader->read(accesses_[instruction.target], frame);
        break;
      case Kind::jump:
        at = instruction.target;
        break;
      case Kind::jump_unless:
        if (frame[instruction.operands[0]] == 0) at = instruction.target;
        break;
      case Kind::call:
        execute(instruction.target, frame, reader);
        break;
      case Kind::end:
        return;
    }
  }
}

}  // namespace jaxc::reference
