// Module's arithmetic, comparisons and conversions, with integer constants folded.
#include <fmt/format.h>

#include "backends/spirv/module.h"
#include "backends/spirv/module_state.h"
#include "jaxc/error.h"

namespace jaxc::spirv {
namespace {

/// Folds index arithmetic on constants; nothing when the operation is not of that kind.
std::optional<std::int64_t> fold(IntegerBinary operation, std::int64_t left, std::int64_t right) {
  const auto a = static_cast<std::uint64_t>(left);
  const auto b = static_cast<std::uint64_t>(right);
  switch (operation) {
    case IntegerBinary::add:
      return static_cast<std::int64_t>(a + b);
    case IntegerBinary::subtract:
      return static_cast<std::int64_t>(a - b);
    case IntegerBinary::multiply:
      return static_cast<std::int64_t>(a * b);
    case IntegerBinary::bit_and:
      return static_cast<std::int64_t>(a & b);
    case IntegerBinary::bit_or:
      return static_cast<std::int64_t>(a | b);
    case IntegerBinary::bit_xor:
      return static_cast<std::int64_t>(a ^ b);
    default:
      return std::nullopt;
  }
}

bool fold(IntegerCompare operation, std::int64_t left, std::int64_t right) {
  const auto a = static_cast<std::uint64_t>(left);
  const auto b = static_cast<std::uint64_t>(right);
  switch (operation) {
    case IntegerCompare::equal:
      return left == right;
    case IntegerCompare::not_equal:
      return left != right;
    case IntegerCompare::less_signed:
      return left < right;
    case IntegerCompare::less_unsigned:
      return a < b;
    case IntegerCompare::less_equal_signed:
      return left <= right;
    case IntegerCompare::less_equal_unsigned:
      return a <= b;
  }
  throw InternalError("spirv module: unknown comparison");
}

/// Whether `operation` with this constant on the right (or left, when it commutes) is the identity.
bool is_identity(IntegerBinary operation, std::int64_t constant, bool on_right) {
  switch (operation) {
    case IntegerBinary::add:
    case IntegerBinary::bit_or:
    case IntegerBinary::bit_xor:
      return constant == 0;
    case IntegerBinary::multiply:
      return constant == 1;
    case IntegerBinary::subtract:
    case IntegerBinary::shift_left:
    case IntegerBinary::shift_right_logical:
    case IntegerBinary::shift_right_arithmetic:
      return on_right && constant == 0;
    case IntegerBinary::divide_signed:
    case IntegerBinary::divide_unsigned:
      return on_right && constant == 1;
    default:
      return false;
  }
}

}  // namespace

std::optional<Value> Module::State::narrow(Value value) {
  if (value.kind != Kind::i64) return std::nullopt;
  if (const auto source = widened.find(value.id); source != widened.end()) return source->second;
  const auto constant_value = integer_constants.find(value.id);
  if (constant_value == integer_constants.end()) return std::nullopt;
  const std::int64_t number = constant_value->second;
  if (number != static_cast<std::int32_t>(number)) return std::nullopt;
  return Value{constant(Kind::i32, static_cast<std::uint32_t>(number)), Kind::i32};
}

Value Module::State::unary(spv::Op operation, Kind result, Value operand) {
  return {assembler.operation(operation, type(result), {operand.id}), result};
}

Value Module::State::binary(spv::Op operation, Kind result, Value left, Value right) {
  return {assembler.operation(operation, type(result), {left.id, right.id}), result};
}

Value Module::State::extended(GLSLstd450 operation, Kind result, const Words& operands) {
  const Words words = joined({instructions, static_cast<std::uint32_t>(operation)}, operands);
  return {assembler.operation(spv::OpExtInst, type(result), words), result};
}

Value Module::State::exact(Value value) {
  assembler.decorate(value.id, spv::DecorationNoContraction);
  return value;
}

Value Module::binary(IntegerBinary operation, Value left, Value right) {
  state_->expect(is_integer(left.kind) && left.kind == right.kind, "integer arithmetic", left, right);
  const auto left_constant = constant_of(left);
  const auto right_constant = constant_of(right);
  if (left_constant && right_constant) {
    if (const auto folded = fold(operation, *left_constant, *right_constant)) return integer(left.kind, *folded);
  }
  if (right_constant && is_identity(operation, *right_constant, true)) return left;
  if (left_constant && is_identity(operation, *left_constant, false)) return right;
  if (operation == IntegerBinary::multiply && (left_constant == 0 || right_constant == 0)) return integer(left.kind, 0);
  static constexpr spv::Op opcodes[] = {spv::OpIAdd,
                                        spv::OpISub,
                                        spv::OpIMul,
                                        spv::OpSDiv,
                                        spv::OpUDiv,
                                        spv::OpUMod,
                                        spv::OpBitwiseAnd,
                                        spv::OpBitwiseOr,
                                        spv::OpBitwiseXor,
                                        spv::OpShiftLeftLogical,
                                        spv::OpShiftRightLogical,
                                        spv::OpShiftRightArithmetic};
  return state_->binary(opcodes[static_cast<int>(operation)], left.kind, left, right);
}

Value Module::compare(IntegerCompare operation, Value left, Value right) {
  state_->expect(is_integer(left.kind) && left.kind == right.kind, "integer comparison", left, right);
  const auto left_constant = constant_of(left);
  const auto right_constant = constant_of(right);
  // Sign extension keeps the order of unsigned values of one width.
  if (left_constant && right_constant) return boolean(fold(operation, *left_constant, *right_constant));
  // Narrow operands are compared as they are, which is cheaper.
  const auto narrow_left = state_->narrow(left);
  const auto narrow_right = state_->narrow(right);
  if (narrow_left && narrow_right) return compare(operation, *narrow_left, *narrow_right);
  const bool strict = operation == IntegerCompare::less_signed;
  const bool ordered = strict || operation == IntegerCompare::less_equal_signed;
  if (state_->options.orders_by_halves && left.kind == Kind::i64 && ordered) {
    const auto high = [&](Value value) {
      return resize_unsigned(binary(IntegerBinary::shift_right_logical, value, integer(Kind::i64, 32)), Kind::i32);
    };
    const auto low = [&](Value value) { return resize_unsigned(value, Kind::i32); };
    const Value below = compare(IntegerCompare::less_signed, high(left), high(right));
    const Value level = compare(IntegerCompare::equal, high(left), high(right));
    const Value rest =
        compare(strict ? IntegerCompare::less_unsigned : IntegerCompare::less_equal_unsigned, low(left), low(right));
    return binary(LogicalBinary::logical_or, below, binary(LogicalBinary::logical_and, level, rest));
  }
  static constexpr spv::Op opcodes[] = {spv::OpIEqual,    spv::OpINotEqual,      spv::OpSLessThan,
                                        spv::OpULessThan, spv::OpSLessThanEqual, spv::OpULessThanEqual};
  return state_->binary(opcodes[static_cast<int>(operation)], Kind::boolean, left, right);
}

Value Module::binary(FloatBinary operation, Value left, Value right) {
  state_->expect(is_floating(left.kind) && left.kind == right.kind, "float arithmetic", left, right);
  static constexpr spv::Op opcodes[] = {spv::OpFAdd, spv::OpFSub, spv::OpFMul, spv::OpFDiv};
  return state_->exact(state_->binary(opcodes[static_cast<int>(operation)], left.kind, left, right));
}

Value Module::unary(FloatUnary operation, Value operand) {
  state_->expect(is_floating(operand.kind), "float arithmetic", operand, operand);
  if (operation == FloatUnary::negate) return state_->exact(state_->unary(spv::OpFNegate, operand.kind, operand));
  static constexpr GLSLstd450 instructions[] = {GLSLstd450Bad,   GLSLstd450FAbs,      GLSLstd450Floor, GLSLstd450Ceil,
                                                GLSLstd450Trunc, GLSLstd450RoundEven, GLSLstd450Sqrt};
  return state_->extended(instructions[static_cast<int>(operation)], operand.kind, {operand.id});
}

Value Module::compare(FloatCompare operation, Value left, Value right) {
  state_->expect(is_floating(left.kind) && left.kind == right.kind, "float comparison", left, right);
  static constexpr spv::Op opcodes[] = {spv::OpFOrdEqual, spv::OpFUnordNotEqual, spv::OpFOrdLessThan,
                                        spv::OpFOrdLessThanEqual};
  return state_->binary(opcodes[static_cast<int>(operation)], Kind::boolean, left, right);
}

Value Module::binary(LogicalBinary operation, Value left, Value right) {
  state_->expect(left.kind == Kind::boolean && right.kind == Kind::boolean, "logic", left, right);
  for (const auto& [known, other] : {std::pair(left, right), std::pair(right, left)}) {
    const auto constant = constant_of(known);
    if (!constant) continue;
    if (operation == LogicalBinary::logical_and) return *constant != 0 ? other : known;
    if (operation == LogicalBinary::logical_or) return *constant != 0 ? known : other;
    return *constant != 0 ? logical_not(other) : other;
  }
  static constexpr spv::Op opcodes[] = {spv::OpLogicalAnd, spv::OpLogicalOr, spv::OpLogicalNotEqual};
  return state_->binary(opcodes[static_cast<int>(operation)], Kind::boolean, left, right);
}

Value Module::logical_not(Value operand) {
  state_->expect(operand.kind == Kind::boolean, "logical not", operand, operand);
  if (const auto constant = constant_of(operand)) return boolean(*constant == 0);
  return state_->unary(spv::OpLogicalNot, Kind::boolean, operand);
}

Value Module::bit_not(Value operand) {
  state_->expect(is_integer(operand.kind), "bitwise not", operand, operand);
  return state_->unary(spv::OpNot, operand.kind, operand);
}

Value Module::negate(Value operand) {
  state_->expect(is_integer(operand.kind), "integer negation", operand, operand);
  return state_->unary(spv::OpSNegate, operand.kind, operand);
}

Value Module::select(Value condition, Value yes, Value no) {
  state_->expect(condition.kind == Kind::boolean && yes.kind == no.kind, "select", yes, no);
  if (const auto constant = constant_of(condition)) return *constant != 0 ? yes : no;
  return {state_->assembler.operation(spv::OpSelect, state_->type(yes.kind), {condition.id, yes.id, no.id}), yes.kind};
}

Value Module::fused_multiply_add(Value a, Value b, Value c) {
  state_->expect(is_floating(a.kind) && a.kind == b.kind && a.kind == c.kind, "fused_multiply_add", a, c);
  return state_->extended(GLSLstd450Fma, a.kind, {a.id, b.id, c.id});
}

Value Module::population_count(Value operand) {
  state_->expect(is_integer(operand.kind), "population_count", operand, operand);
  if (operand.kind == Kind::i64) {
    const Value low = population_count(resize_unsigned(operand, Kind::i32));
    const Value high = population_count(
        resize_unsigned(binary(IntegerBinary::shift_right_logical, operand, integer(Kind::i64, 32)), Kind::i32));
    return resize_unsigned(binary(IntegerBinary::add, low, high), Kind::i64);
  }
  const Value count = state_->unary(spv::OpBitCount, Kind::i32, resize_unsigned(operand, Kind::i32));
  return resize_unsigned(count, operand.kind);
}

Value Module::count_leading_zeros(Value operand) {
  state_->expect(is_integer(operand.kind), "count_leading_zeros", operand, operand);
  if (operand.kind == Kind::i64) {
    const Value low = resize_unsigned(operand, Kind::i32);
    const Value high =
        resize_unsigned(binary(IntegerBinary::shift_right_logical, operand, integer(Kind::i64, 32)), Kind::i32);
    const Value high_is_zero = compare(IntegerCompare::equal, high, integer(Kind::i32, 0));
    const Value below = binary(IntegerBinary::add, count_leading_zeros(low), integer(Kind::i32, 32));
    return resize_unsigned(select(high_is_zero, below, count_leading_zeros(high)), Kind::i64);
  }
  const Value wide = resize_unsigned(operand, Kind::i32);
  const Value top = state_->extended(GLSLstd450FindUMsb, Kind::i32, {wide.id});
  // FindUMsb gives -1 for 0, and so width - 1 - top is the width.
  const Value zeros = binary(IntegerBinary::subtract, integer(Kind::i32, 8 * kind_bytes(operand.kind) - 1), top);
  return resize_unsigned(zeros, operand.kind);
}

Value Module::resize_unsigned(Value operand, Kind kind) {
  state_->expect(is_integer(operand.kind) && is_integer(kind), "an integer conversion", operand, {0, kind});
  if (operand.kind == kind) return operand;
  if (const auto constant = constant_of(operand)) {
    const int shift = 64 - 8 * static_cast<int>(kind_bytes(operand.kind));
    return bits(kind, (static_cast<std::uint64_t>(*constant) << shift) >> shift);
  }
  return state_->unary(spv::OpUConvert, kind, operand);
}

Value Module::resize_signed(Value operand, Kind kind) {
  state_->expect(is_integer(operand.kind) && is_integer(kind), "an integer conversion", operand, {0, kind});
  if (operand.kind == kind) return operand;
  if (const auto constant = constant_of(operand)) return integer(kind, *constant);
  if (const auto source = state_->widened.find(operand.id); source != state_->widened.end()) {
    return resize_signed(source->second, kind);
  }
  const Value result = state_->unary(spv::OpSConvert, kind, operand);
  if (operand.kind == Kind::i32 && kind == Kind::i64) state_->widened.emplace(result.id, operand);
  return result;
}

Value Module::signed_to_float(Value operand, Kind kind) {
  state_->expect(is_integer(operand.kind) && is_floating(kind), "signed_to_float", operand, {0, kind});
  return state_->unary(spv::OpConvertSToF, kind, operand);
}

Value Module::unsigned_to_float(Value operand, Kind kind) {
  state_->expect(is_integer(operand.kind) && is_floating(kind), "unsigned_to_float", operand, {0, kind});
  return state_->unary(spv::OpConvertUToF, kind, operand);
}

Value Module::float_to_signed(Value operand, Kind kind) {
  state_->expect(is_floating(operand.kind) && is_integer(kind), "float_to_signed", operand, {0, kind});
  return state_->unary(spv::OpConvertFToS, kind, operand);
}

Value Module::float_to_unsigned(Value operand, Kind kind) {
  state_->expect(is_floating(operand.kind) && is_integer(kind), "float_to_unsigned", operand, {0, kind});
  return state_->unary(spv::OpConvertFToU, kind, operand);
}

Value Module::resize_float(Value operand, Kind kind) {
  state_->expect(is_floating(operand.kind) && is_floating(kind), "resize_float", operand, {0, kind});
  return operand.kind == kind ? operand : state_->unary(spv::OpFConvert, kind, operand);
}

Value Module::bitcast(Value operand, Kind kind) {
  state_->expect(operand.kind != Kind::boolean && kind_bytes(operand.kind) == kind_bytes(kind), "bitcast", operand,
                 {0, kind});
  return operand.kind == kind ? operand : state_->unary(spv::OpBitcast, kind, operand);
}

Value Module::boolean_to_integer(Value operand, Kind kind) {
  return select(operand, integer(kind, 1), integer(kind, 0));
}

}  // namespace jaxc::spirv
