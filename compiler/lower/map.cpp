// Lowering of elementwise primitives over real numbers, integers and booleans.
#include <cmath>
#include <limits>

#include "compiler/lower/rules.h"
#include "ir/prims/parameters.h"
#include "jaxc/error.h"

namespace jaxc::compiler::lowering {

using ir::Opcode;
using ir::OpId;
using ir::RegionBuilder;
using Values = std::span<const OpId>;

namespace {

DType unsigned_of_width(DType dtype) {
  switch (element_bytes(dtype)) {
    case 1:
      return DType::u8;
    case 2:
      return DType::u16;
    case 4:
      return DType::u32;
    default:
      return DType::u64;
  }
}

DType signed_of_width(DType dtype) {
  switch (element_bytes(dtype)) {
    case 1:
      return DType::i8;
    case 2:
      return DType::i16;
    case 4:
      return DType::i32;
    default:
      return DType::i64;
  }
}

/// The value's own bits: those that a narrow integer's sign fills are zero.
OpId own_bits(RegionBuilder& builder, DType dtype, OpId value) {
  if (!is_narrow_integer(dtype)) return value;
  const std::int64_t mask = (std::int64_t{1} << value_bits(dtype)) - 1;
  return builder.binary(Opcode::bit_and, value, builder.integer(builder.dtype(value), mask));
}

/// x to the power `exponent` by repeated squaring; the lowest bit comes first, as JAX multiplies.
OpId power(RegionBuilder& builder, OpId base, std::uint64_t exponent) {
  std::optional<OpId> product;
  for (OpId square = base; exponent != 0;) {
    if ((exponent & 1) != 0) product = product ? builder.binary(Opcode::mul, *product, square) : square;
    exponent >>= 1;
    if (exponent != 0) square = builder.binary(Opcode::mul, square, square);
  }
  return product ? *product : builder.integer(builder.dtype(base), 1);
}

bool is_half_power(double exponent) {
  return std::fabs(exponent) == 0.5 || std::fabs(exponent) == 1.5;
}

/// |x| to a power of 1/2, 3/2, -1/2 or -3/2, within 1.75 ULP; NaN for finite x below zero, as for every power that is
/// not an integer. Only the last operation overflows or underflows.
OpId half_power(RegionBuilder& builder, OpId x, double exponent) {
  const DType dtype = builder.dtype(x);
  OpId base = builder.unary(Opcode::abs, x);
  const auto reciprocal = [&](OpId value) { return builder.binary(Opcode::div, builder.integer(dtype, 1), value); };
  if (exponent == -1.5) base = reciprocal(base);
  OpId result = builder.unary(Opcode::sqrt, base);
  if (exponent == -0.5) result = reciprocal(result);
  if (std::fabs(exponent) == 1.5) result = builder.binary(Opcode::mul, base, result);
  const OpId infinity = builder.constant(dtype, std::numeric_limits<double>::infinity());
  const OpId finite = builder.binary(Opcode::lt, builder.unary(Opcode::neg, infinity), x);
  const OpId negative = builder.binary(Opcode::lt, x, builder.integer(dtype, 0));
  const OpId undefined = builder.binary(Opcode::bit_and, negative, finite);
  return builder.select(undefined, builder.constant(dtype, std::numeric_limits<double>::quiet_NaN()), result);
}

/// Integers: base to an exponent known at run time; a negative exponent gives 1 / base^-exponent truncated.
OpId power_of_integers(RegionBuilder& builder, OpId base, OpId exponent) {
  const DType dtype = builder.dtype(base);
  const DType exponents = builder.dtype(exponent);
  RegionBuilder condition;
  {
    condition.argument(dtype);
    condition.argument(dtype);
    const OpId rest = condition.argument(exponents);
    const OpId holds = condition.binary(Opcode::ne, rest, condition.integer(exponents, 0));
    RegionBuilder body;
    const OpId product = body.argument(dtype);
    const OpId square = body.argument(dtype);
    const OpId bits = body.argument(exponents);
    const OpId odd = body.convert(DType::boolean, body.binary(Opcode::bit_and, bits, body.integer(exponents, 1)));
    const OpId next = body.select(odd, body.binary(Opcode::mul, product, square), product);
    const OpId squared = body.binary(Opcode::mul, square, square);
    const OpId shifted = body.binary(Opcode::shift_right_logical, bits, body.integer(exponents, 1));
    const std::vector<OpId> initial = {builder.integer(dtype, 1), base, exponent};
    const OpId result =
        builder.repeat(64, initial, condition.finish({holds}), body.finish({next, squared, shifted}))[0];
    if (is_unsigned_integer(exponents)) return result;
    const OpId zero = builder.integer(exponents, 0);
    const OpId odd_exponent =
        builder.convert(DType::boolean, builder.binary(Opcode::bit_and, exponent, builder.integer(exponents, 1)));
    const OpId one = builder.integer(dtype, 1);
    const OpId minus_one = builder.integer(dtype, -1);
    const OpId sign = builder.select(odd_exponent, minus_one, one);
    OpId inverse = builder.select(builder.binary(Opcode::eq, base, one), one, builder.integer(dtype, 0));
    if (is_signed_integer(dtype)) inverse = builder.select(builder.binary(Opcode::eq, base, minus_one), sign, inverse);
    return builder.select(builder.binary(Opcode::lt, exponent, zero), inverse, result);
  }
}

}  // namespace

void map(Lowering& lowering, const Equation& equation, RealRule rule) {
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue> operands) {
    std::vector<OpId> values;
    for (const ScalarValue& operand : operands) {
      if (operand.imaginary) return complex_value(lowering, builder, equation, operands);
      values.push_back(operand.real);
    }
    return ScalarValue{rule(lowering, builder, equation, values)};
  });
}

void total_order(Lowering& lowering, const Equation& equation, Opcode comparison) {
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue> operands) {
    const auto ordered = [&](OpId value) {
      if (!is_floating(builder.dtype(value))) return value;
      const DType integer = signed_of_width(builder.dtype(value));
      const auto width = static_cast<std::int64_t>(8 * element_bytes(integer));
      const OpId bits = builder.bitcast(integer, value);
      const OpId sign = builder.binary(Opcode::shift_right_arithmetic, bits, builder.integer(integer, width - 1));
      const OpId flip = builder.binary(Opcode::shift_right_logical, sign, builder.integer(integer, 1));
      return builder.binary(Opcode::bit_xor, bits, flip);
    };
    if (operands[0].imaginary) lowering.fail("orders real numbers, got complex ones; compare parts");
    return ScalarValue{builder.binary(comparison, ordered(operands[0].real), ordered(operands[1].real))};
  });
}

void library(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    std::vector<OpId> arguments;
    const DType dtype = builder.dtype(values[0]);
    for (OpId value : values) arguments.push_back(builder.convert(dtype, value));
    return target.call(builder, fmt::format("{}_{}", name(eq.primitive), name(dtype)), std::move(arguments));
  });
}

void arithmetic(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation& eq, Values values) {
    const Opcode opcode = eq.primitive == ir::Primitive::mul   ? Opcode::mul
                          : eq.primitive == ir::Primitive::sub ? Opcode::sub
                                                               : Opcode::add;
    const auto wanted = eq.parameters.optional_dtype("out_dtype");
    const DType dtype = wanted ? compute_dtype(*wanted) : builder.dtype(values[0]);
    return builder.binary(opcode, builder.convert(dtype, values[0]), builder.convert(dtype, values[1]));
  });
}

void sign(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    const OpId x = values[0];
    const DType dtype = builder.dtype(x);
    const OpId zero = builder.integer(dtype, 0);
    OpId rest = x;
    if (!is_unsigned_integer(dtype))
      rest = builder.select(builder.binary(Opcode::lt, x, zero), builder.integer(dtype, -1), x);
    return builder.select(builder.binary(Opcode::lt, zero, x), builder.integer(dtype, 1), rest);
  });
}

void round(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation& eq, Values values) {
    const OpId x = values[0];
    if (ir::rounds_to_even(eq.parameters)) return builder.unary(Opcode::round_even, x);
    const DType dtype = builder.dtype(x);
    const OpId whole = builder.unary(Opcode::trunc, x);
    const OpId rest = builder.unary(Opcode::abs, builder.binary(Opcode::sub, x, whole));
    const OpId away = builder.select(builder.binary(Opcode::lt, x, builder.constant(dtype, 0)),
                                     builder.constant(dtype, -1), builder.constant(dtype, 1));
    const OpId far = builder.binary(Opcode::le, builder.constant(dtype, 0.5), rest);
    return builder.select(far, builder.binary(Opcode::add, whole, away), whole);
  });
}

void is_finite(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    const DType dtype = builder.dtype(values[0]);
    if (!is_floating(dtype)) return builder.boolean(true);
    const OpId infinity = builder.constant(dtype, std::numeric_limits<double>::infinity());
    return builder.binary(Opcode::lt, builder.unary(Opcode::abs, values[0]), infinity);
  });
}

// The neighbour of a towards b, by stepping the bits; f16 and bf16 step in their own width.
void nextafter(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const DType declared = target.type(eq.inputs[0]).dtype;
    const bool half = storage_dtype(declared) == DType::u16;
    const DType dtype = builder.dtype(values[0]);
    const DType bits = half ? DType::u16 : unsigned_of_width(dtype);
    const auto to_bits = [&](OpId value) {
      if (!half) return builder.bitcast(bits, value);
      return target.call(builder, declared == DType::f16 ? "f16_from_f32" : "bf16_from_f32", {value});
    };
    const OpId a = to_bits(values[0]);
    const OpId b = to_bits(values[1]);
    const auto width = static_cast<std::int64_t>(8 * element_bytes(bits));
    const OpId sign_bit = builder.integer(bits, static_cast<std::int64_t>(std::uint64_t{1} << (width - 1)));
    const OpId one = builder.integer(bits, 1);
    const OpId zero = builder.integer(bits, 0);
    const OpId sign_a = builder.binary(Opcode::bit_and, a, sign_bit);
    const OpId sign_b = builder.binary(Opcode::bit_and, b, sign_bit);
    const OpId size_a = builder.binary(Opcode::sub, a, sign_a);
    const OpId size_b = builder.binary(Opcode::sub, b, sign_b);
    // The magnitude shrinks when b is nearer to zero or on the other side.
    const OpId shrink = builder.binary(Opcode::bit_or, builder.binary(Opcode::ne, sign_a, sign_b),
                                       builder.binary(Opcode::lt, size_b, size_a));
    OpId next = builder.select(shrink, builder.binary(Opcode::sub, a, one), builder.binary(Opcode::add, a, one));
    next = builder.select(builder.binary(Opcode::eq, size_a, zero), builder.binary(Opcode::bit_or, sign_b, one), next);
    const auto from_bits = [&](OpId value) {
      if (!half) return builder.bitcast(dtype, value);
      return target.call(builder, declared == DType::f16 ? "f32_from_f16" : "f32_from_bf16", {value});
    };
    OpId result = builder.select(builder.binary(Opcode::eq, values[0], values[1]), values[1], from_bits(next));
    result = builder.select(builder.unary(Opcode::is_nan, values[1]), values[1], result);
    return builder.select(builder.unary(Opcode::is_nan, values[0]), values[0], result);
  });
}

void absolute(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    const DType dtype = builder.dtype(values[0]);
    return is_unsigned_integer(dtype) ? values[0] : builder.unary(Opcode::abs, values[0]);
  });
}

void rsqrt(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    const OpId one = builder.integer(builder.dtype(values[0]), 1);
    return builder.binary(Opcode::div, one, builder.unary(Opcode::sqrt, values[0]));
  });
}

void square(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    return builder.binary(Opcode::mul, values[0], values[0]);
  });
}

// (1 - x) (1 + x): no cancellation near 1.
void one_minus_square(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    const OpId one = builder.integer(builder.dtype(values[0]), 1);
    return builder.binary(Opcode::mul, builder.binary(Opcode::sub, one, values[0]),
                          builder.binary(Opcode::add, one, values[0]));
  });
}

void pow(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const DType dtype = builder.dtype(values[0]);
    if (!is_floating(dtype)) return power_of_integers(builder, values[0], values[1]);
    if (const auto* literal = std::get_if<ir::Literal>(&eq.inputs[1]))
      if (const auto* number = std::get_if<double>(&literal->value); number != nullptr && is_half_power(*number))
        return half_power(builder, values[0], *number);
    OpId exponent = builder.convert(dtype, values[1]);
    const DType out = target.type(eq.outputs[0]).dtype;  // an integer becomes a number of this type first
    if (is_integer(target.type(eq.inputs[1]).dtype) && out != dtype)
      exponent = target.widen(builder, out, target.round(builder, out, exponent));
    return target.call(builder, fmt::format("pow_{}", name(dtype)), {values[0], exponent});
  });
}

void integer_pow(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation& eq, Values values) {
    const std::int64_t exponent = eq.parameters.integer("y");
    const std::uint64_t magnitude = exponent < 0 ? 0 - static_cast<std::uint64_t>(exponent) : exponent;
    const OpId product = power(builder, values[0], magnitude);
    if (exponent >= 0) return product;
    return builder.binary(Opcode::div, builder.integer(builder.dtype(product), 1), product);
  });
}

// A narrow integer's product fits into a byte.
void mulhi(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const DType dtype = target.type(eq.inputs[0]).dtype;
    if (!is_narrow_integer(dtype)) return builder.binary(Opcode::mul_high, values[0], values[1]);
    const OpId product = builder.binary(Opcode::mul, values[0], values[1]);
    const Opcode shift = is_signed_integer(dtype) ? Opcode::shift_right_arithmetic : Opcode::shift_right_logical;
    return builder.binary(shift, product, builder.integer(builder.dtype(product), value_bits(dtype)));
  });
}

void population_count(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    return builder.unary(Opcode::population_count, own_bits(builder, target.type(eq.inputs[0]).dtype, values[0]));
  });
}

void count_leading_zeros(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const DType dtype = target.type(eq.inputs[0]).dtype;
    const OpId zeros = builder.unary(Opcode::count_leading_zeros, own_bits(builder, dtype, values[0]));
    if (!is_narrow_integer(dtype)) return zeros;
    return builder.binary(Opcode::sub, zeros, builder.integer(builder.dtype(zeros), 8 - value_bits(dtype)));
  });
}

void shift_right_logical(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const OpId bits = own_bits(builder, target.type(eq.inputs[0]).dtype, values[0]);
    return builder.binary(Opcode::shift_right_logical, bits, values[1]);
  });
}

void shift_right_arithmetic(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    OpId value = values[0];
    const DType dtype = target.type(eq.inputs[0]).dtype;
    if (is_narrow_integer(dtype) && is_unsigned_integer(dtype)) {  // copies of its highest bit fill the byte
      const OpId rest = builder.integer(DType::u8, 8 - value_bits(dtype));
      value = builder.binary(Opcode::shift_right_arithmetic, builder.binary(Opcode::shift_left, value, rest), rest);
    }
    return builder.binary(Opcode::shift_right_arithmetic, value, values[1]);
  });
}

void clamp(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering&, RegionBuilder& builder, const Equation&, Values values) {
    return builder.binary(Opcode::min, builder.binary(Opcode::max, values[0], values[1]), values[2]);
  });
}

void select_n(Lowering& lowering, const Equation& equation) {
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue> operands) {
    const OpId which = operands[0].real;
    const auto is_case = [&](std::size_t k) {
      if (builder.dtype(which) == DType::boolean) return builder.unary(Opcode::bit_not, which);
      return builder.binary(Opcode::le, which, builder.integer(DType::i32, static_cast<std::int64_t>(k)));
    };
    const bool two = builder.dtype(which) == DType::boolean && operands.size() == 3;
    const auto pick = [&](auto part) {
      if (two) return builder.select(which, part(operands[2]), part(operands[1]));
      OpId value = part(operands.back());
      for (std::size_t k = operands.size() - 2; k > 0; --k)
        value = builder.select(is_case(k - 1), part(operands[k]), value);
      return value;
    };
    ScalarValue value{pick([](const ScalarValue& scalar) { return scalar.real; })};
    if (operands[1].imaginary) value.imaginary = pick([](const ScalarValue& scalar) { return *scalar.imaginary; });
    return value;
  });
}

void convert(Lowering& lowering, const Equation& equation) {
  const DType to = lowering.type(equation.outputs[0]).dtype;
  lowering.elementwise(equation, [&](RegionBuilder& builder, std::span<const ScalarValue> operands) {
    const ScalarValue& x = operands[0];
    const DType compute = compute_dtype(to);
    if (is_complex(to)) {
      const OpId zero = builder.integer(compute, 0);
      return ScalarValue{builder.convert(compute, x.real), x.imaginary ? builder.convert(compute, *x.imaginary) : zero};
    }
    OpId value = builder.convert(compute, x.real);  // without the imaginary part, also to booleans
    if (is_narrow_integer(to) && is_floating(builder.dtype(x.real))) {
      const OpId least = builder.constant(identity_of(Opcode::max, to));
      const OpId greatest = builder.constant(identity_of(Opcode::min, to));
      value = builder.binary(Opcode::min, builder.binary(Opcode::max, value, least), greatest);
    }
    return ScalarValue{value};
  });
}

// Rounds the mantissa's bits to nearest even; exponents too large give infinity, too small give zero.
void reduce_precision(Lowering& lowering, const Equation& equation) {
  map(lowering, equation, [](Lowering& target, RegionBuilder& builder, const Equation& eq, Values values) {
    const OpId x = values[0];
    const DType dtype = target.type(eq.inputs[0]).dtype;
    const bool is_small = builder.dtype(x) != dtype;  // f16 and bf16: the bits of the type itself
    const DType bits = unsigned_of_width(dtype);
    const std::int64_t width = value_bits(dtype);
    const std::int64_t mantissa = dtype == DType::f64 ? 52 : dtype == DType::f32 ? 23 : dtype == DType::f16 ? 10 : 7;
    const std::int64_t kept = std::min(eq.parameters.integer("mantissa_bits"), mantissa);
    const std::int64_t exponent_bits = std::min(eq.parameters.integer("exponent_bits"), width - 1 - mantissa);
    const auto number = [&](std::uint64_t value) { return builder.integer(bits, static_cast<std::int64_t>(value)); };
    const std::uint64_t sign_bit = std::uint64_t{1} << (width - 1);
    const std::uint64_t infinity = (sign_bit - 1) ^ ((std::uint64_t{1} << mantissa) - 1);
    const OpId all = is_small ? target.round(builder, dtype, x) : builder.bitcast(bits, x);
    const OpId sign = builder.binary(Opcode::bit_and, all, number(sign_bit));
    OpId size = builder.binary(Opcode::sub, all, sign);
    if (kept < mantissa) {
      const std::int64_t dropped = mantissa - kept;
      const std::uint64_t below_half = (std::uint64_t{1} << (dropped - 1)) - 1;
      const OpId last = builder.binary(Opcode::bit_and,
                                       builder.binary(Opcode::shift_right_logical, size, number(dropped)), number(1));
      const OpId bias = builder.binary(Opcode::add, last, number(below_half));
      size = builder.binary(Opcode::bit_and, builder.binary(Opcode::add, size, bias),
                            number(~((std::uint64_t{1} << dropped) - 1)));
    }
    if (exponent_bits < width - 1 - mantissa) {
      const std::uint64_t bias = (std::uint64_t{1} << (width - 2 - mantissa)) - 1;
      const std::uint64_t reduced_bias = (std::uint64_t{1} << (exponent_bits - 1)) - 1;
      const std::uint64_t largest = (bias + reduced_bias) << mantissa;
      const std::uint64_t smallest = (bias - reduced_bias + 1) << mantissa;
      const OpId exponent = builder.binary(Opcode::bit_and, size, number(infinity));
      size = builder.select(builder.binary(Opcode::lt, number(largest), exponent), number(infinity), size);
      size = builder.select(builder.binary(Opcode::lt, exponent, number(smallest)), number(0), size);
    }
    const OpId result = builder.binary(Opcode::bit_or, sign, size);
    const OpId value = is_small ? target.widen(builder, dtype, result) : builder.bitcast(dtype, result);
    return builder.select(builder.unary(Opcode::is_nan, x), x, value);
  });
}

void zeros_like(Lowering& lowering, const Equation& equation) {
  const Type& type = lowering.type(equation.outputs[0]);
  const DType dtype = storage_dtype(type.dtype);
  lowering.define(equation.outputs[0], lowering.fill(ir::constant_of_integer(dtype, 0), storage_shape(type)));
}

void identity(Lowering& lowering, const Equation& equation) {
  if (lowering.writes_region()) {
    lowering.elementwise(equation, [](RegionBuilder&, std::span<const ScalarValue> operands) { return operands[0]; });
    return;
  }
  for (std::size_t k = 0; k < equation.outputs.size(); ++k)
    lowering.define(equation.outputs[k], lowering.array(equation.inputs.at(k)));
}

}  // namespace jaxc::compiler::lowering
