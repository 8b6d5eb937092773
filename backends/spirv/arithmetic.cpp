// The opcodes by the type of their operands, and their guards.
#include "backends/spirv/arithmetic.h"

#include <fmt/format.h>

#include "jaxc/error.h"

namespace jaxc::spirv {

using ir::Opcode;

namespace {

[[noreturn]] void refuse(Opcode opcode, DType dtype) {
  throw InternalError(fmt::format("spirv: no operation {} on {}", ir::name(opcode), name(dtype)));
}

std::int64_t width_of(Kind kind) {
  return 8 * kind_bytes(kind);
}

}  // namespace

Kind kind_of(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return Kind::boolean;
    case DType::i8:
    case DType::u8:
      return Kind::i8;
    case DType::i16:
    case DType::u16:
      return Kind::i16;
    case DType::i32:
    case DType::u32:
      return Kind::i32;
    case DType::i64:
    case DType::u64:
      return Kind::i64;
    case DType::f32:
      return Kind::f32;
    case DType::f64:
      return Kind::f64;
    default:
      throw InternalError(fmt::format("spirv: a Program holds no {}", name(dtype)));
  }
}

Kind memory_kind_of(DType dtype) {
  return dtype == DType::boolean ? Kind::i8 : kind_of(dtype);
}

Value Arithmetic::to_memory(Value value) {
  return value.kind == Kind::boolean ? module_.boolean_to_integer(value, Kind::i8) : value;
}

Value Arithmetic::from_memory(Value value, DType dtype) {
  if (dtype != DType::boolean) return value;
  return module_.compare(IntegerCompare::not_equal, value, module_.integer(Kind::i8, 0));
}

Value Arithmetic::is_nan(Value operand) {
  const bool wide = operand.kind == Kind::f64;
  const Kind kind = wide ? Kind::i64 : Kind::i32;
  const Value magnitude = module_.binary(IntegerBinary::bit_and, module_.bitcast(operand, kind),
                                         module_.integer(kind, wide ? 0x7fffffffffffffff : 0x7fffffff));
  return module_.compare(IntegerCompare::less_signed, module_.integer(kind, wide ? 0x7ff0000000000000 : 0x7f800000),
                         magnitude);
}

Value Arithmetic::divide(Value left, Value right, bool is_signed) {
  const Value zero = module_.integer(right.kind, 0);
  const Value all_bits = module_.integer(right.kind, -1);
  const Value by_zero = module_.compare(IntegerCompare::equal, right, zero);
  Value unsafe = by_zero;
  if (is_signed) {
    // INT_MIN / -1 is left alone: by 1 it stays INT_MIN.
    const Value lowest = module_.bits(left.kind, std::uint64_t{1} << (width_of(left.kind) - 1));
    const Value overflow =
        module_.binary(LogicalBinary::logical_and, module_.compare(IntegerCompare::equal, right, all_bits),
                       module_.compare(IntegerCompare::equal, left, lowest));
    unsafe = module_.binary(LogicalBinary::logical_or, by_zero, overflow);
  }
  const Value divisor = module_.select(unsafe, module_.integer(right.kind, 1), right);
  const Value quotient =
      module_.binary(is_signed ? IntegerBinary::divide_signed : IntegerBinary::divide_unsigned, left, divisor);
  return module_.select(by_zero, all_bits, quotient);
}

Value Arithmetic::remainder(Value left, Value right, bool is_signed) {
  const Value by_zero = module_.compare(IntegerCompare::equal, right, module_.integer(right.kind, 0));
  Value unsafe = by_zero;
  if (is_signed) {
    unsafe = module_.binary(LogicalBinary::logical_or, by_zero,
                            module_.compare(IntegerCompare::equal, right, module_.integer(right.kind, -1)));
  }
  // By 1 the remainder is 0, which is right for -1 too.
  const Value divisor = module_.select(unsafe, module_.integer(right.kind, 1), right);
  // Vulkan leaves OpSRem undefined for negative operands, and OpSDiv not.
  const auto signed_remainder = [&] {
    const Value quotient = module_.binary(IntegerBinary::divide_signed, left, divisor);
    return module_.binary(IntegerBinary::subtract, left, module_.binary(IntegerBinary::multiply, quotient, divisor));
  };
  const Value result =
      is_signed ? signed_remainder() : module_.binary(IntegerBinary::remainder_unsigned, left, divisor);
  return module_.select(by_zero, left, result);
}

Value Arithmetic::shift(Opcode opcode, Value left, Value amount) {
  const Value width = module_.integer(amount.kind, width_of(left.kind));
  const Value fits = module_.compare(IntegerCompare::less_unsigned, amount, width);
  if (opcode == Opcode::shift_right_arithmetic) {
    const Value most = module_.integer(amount.kind, width_of(left.kind) - 1);
    return module_.binary(IntegerBinary::shift_right_arithmetic, left, module_.select(fits, amount, most));
  }
  const Value safe = module_.select(fits, amount, module_.integer(amount.kind, 0));
  const Value shifted = module_.binary(
      opcode == Opcode::shift_left ? IntegerBinary::shift_left : IntegerBinary::shift_right_logical, left, safe);
  return module_.select(fits, shifted, module_.integer(left.kind, 0));
}

Value Arithmetic::extremum(Value left, Value right, DType dtype, bool smaller) {
  if (is_integer(left.kind)) {
    const auto less = is_signed_integer(dtype) ? IntegerCompare::less_signed : IntegerCompare::less_unsigned;
    const Value left_is_less = module_.compare(less, left, right);
    return smaller ? module_.select(left_is_less, left, right) : module_.select(left_is_less, right, left);
  }
  // Where neither is less, they are equal (and the signs of zeros are joined), or one is NaN.
  const Kind bits = left.kind == Kind::f64 ? Kind::i64 : Kind::i32;
  const Value joined = module_.bitcast(module_.binary(smaller ? IntegerBinary::bit_or : IntegerBinary::bit_and,
                                                      module_.bitcast(left, bits), module_.bitcast(right, bits)),
                                       left.kind);
  const Value otherwise = module_.select(is_nan(left), left, module_.select(is_nan(right), right, joined));
  const Value left_first = module_.compare(FloatCompare::less, smaller ? left : right, smaller ? right : left);
  const Value right_first = module_.compare(FloatCompare::less, smaller ? right : left, smaller ? left : right);
  return module_.select(left_first, left, module_.select(right_first, right, otherwise));
}

Value Arithmetic::multiply_high(Value left, Value right, bool is_signed) {
  if (left.kind == Kind::i64) return multiply_high_64(left, right, is_signed);
  const auto widen = [&](Value value) {
    return is_signed ? module_.resize_signed(value, Kind::i64) : module_.resize_unsigned(value, Kind::i64);
  };
  const Value product = module_.binary(IntegerBinary::multiply, widen(left), widen(right));
  return module_.resize_unsigned(
      module_.binary(IntegerBinary::shift_right_logical, product, module_.integer(Kind::i64, width_of(left.kind))),
      left.kind);
}

Value Arithmetic::multiply_high_64(Value left, Value right, bool is_signed) {
  const Value mask = module_.integer(Kind::i64, 0xffffffff);
  const Value half = module_.integer(Kind::i64, 32);
  const auto low = [&](Value value) { return module_.binary(IntegerBinary::bit_and, value, mask); };
  const auto high = [&](Value value) { return module_.binary(IntegerBinary::shift_right_logical, value, half); };
  const auto multiply = [&](Value a, Value b) { return module_.binary(IntegerBinary::multiply, a, b); };
  const auto add = [&](Value a, Value b) { return module_.binary(IntegerBinary::add, a, b); };
  const Value first = add(multiply(high(left), low(right)), high(multiply(low(left), low(right))));
  const Value second = add(multiply(low(left), high(right)), low(first));
  const Value result = add(multiply(high(left), high(right)), add(high(first), high(second)));
  if (!is_signed) return result;
  // The signed product is less by right where left < 0, and by left where right < 0.
  const Value zero = module_.integer(Kind::i64, 0);
  const auto if_negative = [&](Value test, Value value) {
    return module_.select(module_.compare(IntegerCompare::less_signed, test, zero), value, zero);
  };
  return module_.binary(IntegerBinary::subtract,
                        module_.binary(IntegerBinary::subtract, result, if_negative(left, right)),
                        if_negative(right, left));
}

Value Arithmetic::float_to_integer(Value operand, DType to) {
  const Kind kind = kind_of(to);
  const bool is_signed = is_signed_integer(to);
  const std::int64_t width = width_of(kind);
  // Both bounds are powers of two (or 0), and so exact.
  const double above = std::ldexp(1.0, static_cast<int>(is_signed ? width - 1 : width));
  const double below = is_signed ? -above : 0.0;
  const Value too_high = module_.compare(FloatCompare::less_equal, module_.floating(operand.kind, above), operand);
  const Value too_low = module_.compare(FloatCompare::less_equal, operand, module_.floating(operand.kind, below));
  const Value unsafe = module_.binary(LogicalBinary::logical_or, is_nan(operand),
                                      module_.binary(LogicalBinary::logical_or, too_high, too_low));
  const Value safe = module_.select(unsafe, module_.floating(operand.kind, 0), operand);
  const Kind wide = kind == Kind::i64 ? Kind::i64 : Kind::i32;
  const Value converted = is_signed ? module_.float_to_signed(safe, wide) : module_.float_to_unsigned(safe, wide);
  const std::uint64_t highest = ~std::uint64_t{0} >> (is_signed ? 65 - width : 64 - width);
  const std::uint64_t lowest = is_signed ? std::uint64_t{1} << (width - 1) : 0;
  return module_.select(too_high, module_.bits(kind, highest),
                        module_.select(too_low, module_.bits(kind, lowest), module_.resize_unsigned(converted, kind)));
}

Value Arithmetic::convert(Value operand, DType from, DType to) {
  if (from == to) return operand;
  const Kind kind = kind_of(to);
  if (from == DType::boolean) {
    if (is_integer(kind)) return module_.boolean_to_integer(operand, kind);
    return module_.select(operand, module_.floating(kind, 1), module_.floating(kind, 0));
  }
  if (to == DType::boolean) {
    if (is_integer(operand.kind)) {
      return module_.compare(IntegerCompare::not_equal, operand, module_.integer(operand.kind, 0));
    }
    return module_.compare(FloatCompare::not_equal, operand, module_.floating(operand.kind, 0));
  }
  if (is_integer(operand.kind)) {
    const bool is_signed = is_signed_integer(from);
    if (is_integer(kind)) {
      return is_signed ? module_.resize_signed(operand, kind) : module_.resize_unsigned(operand, kind);
    }
    const Kind wide = operand.kind == Kind::i64 ? Kind::i64 : Kind::i32;
    if (is_signed) return module_.signed_to_float(module_.resize_signed(operand, wide), kind);
    return module_.unsigned_to_float(module_.resize_unsigned(operand, wide), kind);
  }
  return is_floating(kind) ? module_.resize_float(operand, kind) : float_to_integer(operand, to);
}

Value Arithmetic::logical(Opcode opcode, Value left, Value right) {
  switch (opcode) {
    case Opcode::mul:
    case Opcode::min:
    case Opcode::bit_and:
      return module_.binary(LogicalBinary::logical_and, left, right);
    case Opcode::add:
    case Opcode::max:
    case Opcode::bit_or:
      return module_.binary(LogicalBinary::logical_or, left, right);
    case Opcode::bit_xor:
    case Opcode::ne:
      return module_.binary(LogicalBinary::logical_xor, left, right);
    case Opcode::eq:
      return module_.logical_not(module_.binary(LogicalBinary::logical_xor, left, right));
    case Opcode::lt:
      return module_.binary(LogicalBinary::logical_and, module_.logical_not(left), right);
    case Opcode::le:
      return module_.binary(LogicalBinary::logical_or, module_.logical_not(left), right);
    default:
      refuse(opcode, DType::boolean);
  }
}

Value Arithmetic::integer(Opcode opcode, DType dtype, Value left, Value right) {
  const bool is_signed = is_signed_integer(dtype);
  switch (opcode) {
    case Opcode::add:
      return module_.binary(IntegerBinary::add, left, right);
    case Opcode::sub:
      return module_.binary(IntegerBinary::subtract, left, right);
    case Opcode::mul:
      return module_.binary(IntegerBinary::multiply, left, right);
    case Opcode::mul_high:
      return multiply_high(left, right, is_signed);
    case Opcode::div:
      return divide(left, right, is_signed);
    case Opcode::rem:
      return remainder(left, right, is_signed);
    case Opcode::min:
    case Opcode::max:
      return extremum(left, right, dtype, opcode == Opcode::min);
    case Opcode::bit_and:
      return module_.binary(IntegerBinary::bit_and, left, right);
    case Opcode::bit_or:
      return module_.binary(IntegerBinary::bit_or, left, right);
    case Opcode::bit_xor:
      return module_.binary(IntegerBinary::bit_xor, left, right);
    case Opcode::shift_left:
    case Opcode::shift_right_logical:
    case Opcode::shift_right_arithmetic:
      return shift(opcode, left, right);
    default:
      refuse(opcode, dtype);
  }
}

Value Arithmetic::floating(Opcode opcode, DType dtype, Value left, Value right) {
  switch (opcode) {
    case Opcode::add:
      return module_.binary(FloatBinary::add, left, right);
    case Opcode::sub:
      return module_.binary(FloatBinary::subtract, left, right);
    case Opcode::mul:
      return module_.binary(FloatBinary::multiply, left, right);
    case Opcode::div:
      return module_.binary(FloatBinary::divide, left, right);
    case Opcode::rem:
      return float_remainder(left, right);
    case Opcode::min:
    case Opcode::max:
      return extremum(left, right, dtype, opcode == Opcode::min);
    default:
      refuse(opcode, dtype);
  }
}

Value Arithmetic::compare(Opcode opcode, DType dtype, Value left, Value right) {
  if (dtype == DType::boolean) return logical(opcode, left, right);
  if (is_floating(left.kind)) {
    switch (opcode) {
      case Opcode::eq:
        return module_.compare(FloatCompare::equal, left, right);
      case Opcode::ne:
        return module_.compare(FloatCompare::not_equal, left, right);
      case Opcode::lt:
        return module_.compare(FloatCompare::less, left, right);
      default:
        return module_.compare(FloatCompare::less_equal, left, right);
    }
  }
  const bool is_signed = is_signed_integer(dtype);
  switch (opcode) {
    case Opcode::eq:
      return module_.compare(IntegerCompare::equal, left, right);
    case Opcode::ne:
      return module_.compare(IntegerCompare::not_equal, left, right);
    case Opcode::lt:
      return module_.compare(is_signed ? IntegerCompare::less_signed : IntegerCompare::less_unsigned, left, right);
    default:
      return module_.compare(is_signed ? IntegerCompare::less_equal_signed : IntegerCompare::less_equal_unsigned, left,
                             right);
  }
}

Value Arithmetic::unary(Opcode opcode, DType dtype, Value operand) {
  switch (opcode) {
    case Opcode::neg:
      return is_floating(operand.kind) ? module_.unary(FloatUnary::negate, operand) : module_.negate(operand);
    case Opcode::abs: {
      if (is_floating(operand.kind)) return module_.unary(FloatUnary::absolute, operand);
      if (!is_signed_integer(dtype)) return operand;
      const Value negative = module_.compare(IntegerCompare::less_signed, operand, module_.integer(operand.kind, 0));
      return module_.select(negative, module_.negate(operand), operand);
    }
    case Opcode::bit_not:
      return operand.kind == Kind::boolean ? module_.logical_not(operand) : module_.bit_not(operand);
    case Opcode::floor:
      return module_.unary(FloatUnary::floor, operand);
    case Opcode::ceil:
      return module_.unary(FloatUnary::ceil, operand);
    case Opcode::trunc:
      return module_.unary(FloatUnary::truncate, operand);
    case Opcode::round_even:
      return module_.unary(FloatUnary::round_even, operand);
    case Opcode::sqrt:
      return module_.unary(FloatUnary::square_root, operand);
    case Opcode::is_nan:
      return is_nan(operand);
    case Opcode::population_count:
      return module_.population_count(operand);
    case Opcode::count_leading_zeros:
      return module_.count_leading_zeros(operand);
    default:
      refuse(opcode, dtype);
  }
}

Value Arithmetic::apply(Opcode opcode, DType result, DType operand, std::span<const Value> operands) {
  switch (opcode) {
    case Opcode::convert:
      return convert(operands[0], operand, result);
    case Opcode::bitcast:
      if (operand == DType::boolean || result == DType::boolean) return from_memory(to_memory(operands[0]), result);
      return module_.bitcast(operands[0], kind_of(result));
    case Opcode::select:
      return module_.select(operands[0], operands[1], operands[2]);
    case Opcode::mul_add:
      return module_.fused_multiply_add(operands[0], operands[1], operands[2]);
    case Opcode::fma:
      return exact_fma(operands[0], operands[1], operands[2]);
    case Opcode::eq:
    case Opcode::ne:
    case Opcode::lt:
    case Opcode::le:
      return compare(opcode, operand, operands[0], operands[1]);
    default:
      break;
  }
  if (operands.size() == 1) return unary(opcode, operand, operands[0]);
  if (operands.size() != 2) refuse(opcode, operand);
  if (operand == DType::boolean) return logical(opcode, operands[0], operands[1]);
  if (is_floating(operands[0].kind)) return floating(opcode, operand, operands[0], operands[1]);
  return integer(opcode, operand, operands[0], operands[1]);
}

}  // namespace jaxc::spirv
