// Emits scalar code: operations in order, calls, branches that run only when a lane needs them, bounded loops.
#include "backends/llvm/region.h"

#include <fmt/format.h>

#include "backends/llvm/operations.h"
#include "jaxc/error.h"

namespace jaxc::cpu {

using ir::Opcode;
using llvm::Value;

namespace {

/// Functions up to this size are always expanded in place, larger ones until the program's budget is spent.
constexpr std::size_t small_function = 12;
constexpr std::int64_t inline_budget = 4000;
/// A side of a branch up to this size is computed for all lanes.
constexpr std::size_t small_side = 10;

std::size_t operation_count(const ir::Region& region) {
  std::size_t count = region.ops.size();
  for (const ir::ScalarOp& op : region.ops) {
    if (op.opcode == Opcode::call) count += small_side;
    for (const ir::Region& inner : op.regions) count += small_side + operation_count(inner);
  }
  return count;
}

}  // namespace

void RegionEmitter::equalize(llvm::MutableArrayRef<Value*> values) {
  bool vector = false;
  for (const Value* value : values) vector = vector || is_vector(value);
  if (!vector) return;
  for (Value*& value : values) value = code_.splat(value, width_);
}

Value* RegionEmitter::active(Value* condition) {
  return is_vector(condition) ? code_.both(condition, mask_, width_) : condition;
}

Values RegionEmitter::emit_operations(const ir::Region& region, llvm::ArrayRef<Value*> arguments, Leaf leaf) {
  Values values(region.ops.size(), nullptr);
  std::map<ir::OpId, Values> multiple;
  for (std::size_t id = 0; id < region.ops.size(); ++id) {
    const ir::ScalarOp& op = region.ops[id];
    Values operands;
    for (ir::OpId argument : op.arguments) operands.push_back(values[argument]);
    switch (op.opcode) {
      case Opcode::constant:
        values[id] = code_.constant({op.dtype, op.immediate});
        break;
      case Opcode::argument:
        values[id] = arguments[op.immediate];
        break;
      case Opcode::axis:
      case Opcode::read:
        values[id] = leaf(op, values);
        break;
      case Opcode::call:
        values[id] = call(op, std::move(operands));
        break;
      case Opcode::branch:
      case Opcode::repeat: {
        Values results = op.opcode == Opcode::branch ? branch(op, operands) : repeat(op, std::move(operands));
        values[id] = results[0];
        multiple.emplace(static_cast<ir::OpId>(id), std::move(results));
        break;
      }
      case Opcode::element:
        values[id] = multiple.at(op.arguments[0])[op.immediate];
        break;
      case Opcode::select:
        if (!is_vector(operands[0])) {
          equalize(llvm::MutableArrayRef<Value*>(operands).drop_front());
          values[id] = code_.builder.CreateSelect(operands[0], operands[1], operands[2]);
          break;
        }
        [[fallthrough]];
      default:
        equalize(operands);
        values[id] = emit_operation(code_, op, region.ops[op.arguments[0]].dtype, operands);
    }
  }
  return values;
}

Values RegionEmitter::emit(const ir::Region& region, llvm::ArrayRef<Value*> arguments) {
  const Values values =
      emit_operations(region, arguments, [](const ir::ScalarOp& op, llvm::ArrayRef<Value*>) -> Value* {
        throw InternalError(fmt::format("cpu: {} outside a nest's body", name(op.opcode)));
      });
  Values results;
  for (ir::OpId result : region.results) results.push_back(values[result]);
  return results;
}

Value* RegionEmitter::call(const ir::ScalarOp& op, Values arguments) {
  const ir::Region& region = code_.program.functions[op.immediate].region;
  equalize(arguments);
  const bool vector = !arguments.empty() && is_vector(arguments[0]);
  const std::size_t size = operation_count(region);
  if (size <= small_function || code_.inlined_operations + static_cast<std::int64_t>(size) <= inline_budget) {
    code_.inlined_operations += static_cast<std::int64_t>(size);
    return emit(region, arguments)[0];
  }
  const int width = vector ? width_ : 1;
  llvm::Function* callee = function(op.immediate, width);
  if (width > 1) arguments.push_back(mask_ != nullptr ? mask_ : code_.first_lanes(width, width));
  return code_.builder.CreateCall(callee, arguments);
}

llvm::Function* RegionEmitter::function(std::uint64_t number, int width) {
  llvm::Function*& known = code_.functions[{number, width}];
  if (known != nullptr) return known;
  const ir::ScalarFunction& source = code_.program.functions[number];
  const auto shaped = [&](DType dtype) -> llvm::Type* {
    llvm::Type* type = code_.value_type(dtype);
    return width == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(width));
  };
  llvm::SmallVector<llvm::Type*, 4> parameters;
  for (DType dtype : source.region.arguments) parameters.push_back(shaped(dtype));
  if (width > 1) parameters.push_back(shaped(DType::boolean));
  llvm::Type* result = shaped(source.region.ops[source.region.results[0]].dtype);
  llvm::Function* made =
      llvm::Function::Create(llvm::FunctionType::get(result, parameters, false), llvm::Function::InternalLinkage,
                             fmt::format("{}_x{}", source.name, width), code_.module);
  made->addFnAttr(llvm::Attribute::NoUnwind);
  made->addFnAttr("prefer-vector-width", std::to_string(code_.vector_bits));
  made->addFnAttr("min-legal-vector-width", std::to_string(code_.vector_bits));
  known = made;
  const llvm::IRBuilderBase::InsertPointGuard guard(code_.builder);
  code_.builder.SetInsertPoint(llvm::BasicBlock::Create(code_.context, "entry", made));
  code_.builder.SetCurrentDebugLocation({});
  Values arguments;
  for (std::size_t k = 0; k < source.region.arguments.size(); ++k)
    arguments.push_back(made->getArg(static_cast<unsigned>(k)));
  RegionEmitter inside(code_, width, width > 1 ? made->getArg(made->arg_size() - 1) : nullptr);
  code_.builder.CreateRet(code_.splat(inside.emit(source.region, arguments)[0], width));
  return made;
}

Values RegionEmitter::branch(const ir::ScalarOp& op, llvm::ArrayRef<Value*> arguments) {
  Value* condition = arguments[0];
  const llvm::ArrayRef<Value*> operands = arguments.drop_front();
  if (const auto known = known_integer(condition)) return emit(op.regions[*known != 0 ? 0 : 1], operands);
  std::array<Values, 2> sides;
  for (std::size_t side = 0; side < 2; ++side) {
    const ir::Region& region = op.regions[side];
    if (operation_count(region) <= small_side) {
      sides[side] = emit(region, operands);
      continue;
    }
    Value* taken = side == 0 ? condition : code_.builder.CreateNot(condition);
    Values merged;
    for (ir::OpId result : region.results) {
      llvm::Type* type = code_.value_type(region.ops[result].dtype);
      merged.push_back(code_.splat(llvm::Constant::getNullValue(type), is_vector(condition) ? width_ : 1));
    }
    bool vector = is_vector(condition);
    for (const Value* operand : operands) vector = vector || is_vector(operand);
    if (vector)
      for (Value*& value : merged) value = code_.splat(value, width_);
    code_.when(code_.any(active(taken)), merged, [&] {
      RegionEmitter inside(code_, width_, is_vector(taken) ? active(taken) : mask_);
      merged = inside.emit(region, operands);
      if (vector)
        for (Value*& value : merged) value = code_.splat(value, width_);
    });
    sides[side] = std::move(merged);
  }
  Values results;
  for (std::size_t k = 0; k < sides[0].size(); ++k) {
    std::array<Value*, 2> choice{sides[0][k], sides[1][k]};
    if (is_vector(condition))
      for (Value*& value : choice) value = code_.splat(value, width_);
    else
      equalize(choice);
    results.push_back(code_.builder.CreateSelect(condition, choice[0], choice[1]));
  }
  return results;
}

Values RegionEmitter::repeat(const ir::ScalarOp& op, Values arguments) {
  equalize(arguments);
  const bool vector = !arguments.empty() && is_vector(arguments[0]);
  llvm::IRBuilder<>& builder = code_.builder;
  llvm::BasicBlock* before = builder.GetInsertBlock();
  llvm::BasicBlock* header = code_.new_block("repeat");
  builder.CreateBr(header);
  builder.SetInsertPoint(header);
  llvm::PHINode* counter = builder.CreatePHI(builder.getInt64Ty(), 2);
  counter->addIncoming(code_.integer(0), before);
  llvm::SmallVector<llvm::PHINode*, 4> phis;
  Values state;
  for (Value* argument : arguments) {
    phis.push_back(builder.CreatePHI(argument->getType(), 2));
    phis.back()->addIncoming(argument, before);
    state.push_back(phis.back());
  }
  llvm::PHINode* running = nullptr;
  if (vector) {
    llvm::Value* all = mask_ != nullptr ? mask_ : code_.first_lanes(width_, width_);
    running = builder.CreatePHI(all->getType(), 2);
    running->addIncoming(all, before);
  }
  Value* condition = RegionEmitter(code_, width_, vector ? running : mask_).emit(op.regions[0], state)[0];
  if (vector) condition = builder.CreateAnd(code_.splat(condition, width_), running);
  Value* within = builder.CreateICmpULT(counter, builder.getInt64(op.immediate));
  llvm::BasicBlock* body = code_.new_block("repeated");
  llvm::BasicBlock* after = code_.new_block("done");
  builder.CreateCondBr(builder.CreateAnd(code_.any(condition), within), body, after);
  builder.SetInsertPoint(body);
  Values next = RegionEmitter(code_, width_, vector ? condition : mask_).emit(op.regions[1], state);
  for (std::size_t k = 0; k < next.size(); ++k)
    if (vector) next[k] = builder.CreateSelect(condition, code_.splat(next[k], width_), state[k]);
  Value* count = builder.CreateAdd(counter, code_.integer(1));
  llvm::BasicBlock* latch = builder.GetInsertBlock();
  counter->addIncoming(count, latch);
  for (std::size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(next[k], latch);
  if (running != nullptr) running->addIncoming(condition, latch);
  builder.CreateBr(header);
  builder.SetInsertPoint(after);
  return state;
}

}  // namespace jaxc::cpu
