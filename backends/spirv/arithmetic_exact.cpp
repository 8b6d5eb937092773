// The two float operations that devices lack: fmod, and a multiply-add with one rounding.
#include "backends/spirv/arithmetic.h"

namespace jaxc::spirv {

Value Arithmetic::float_remainder(Value left, Value right) {
  const Kind kind = left.kind;
  auto found = float_remainders_.find(kind);
  if (found == float_remainders_.end()) {
    const bool wide = kind == Kind::f64;
    const Kind bits = wide ? Kind::i64 : Kind::i32;
    const std::int64_t fraction = wide ? 52 : 23;
    const std::int64_t width = wide ? 64 : 32;
    const auto integer = [this, bits](std::int64_t value) { return module_.integer(bits, value); };
    const auto binary = [this](IntegerBinary operation, Value a, Value b) { return module_.binary(operation, a, b); };
    const std::int64_t hidden = std::int64_t{1} << fraction;
    const std::int64_t infinity = (wide ? std::int64_t{0x7ff} : std::int64_t{0xff}) << fraction;
    const std::int64_t magnitude_mask = wide ? 0x7fffffffffffffff : 0x7fffffff;

    // Splits a magnitude into a significand with its leading bit in place and a biased exponent.
    const auto split = [=, this](Value magnitude, const Variable& significand, const Variable& exponent) {
      const Value biased = binary(IntegerBinary::shift_right_logical, magnitude, integer(fraction));
      const Value subnormal = module_.compare(IntegerCompare::equal, biased, integer(0));
      const Value shift =
          binary(IntegerBinary::subtract, module_.count_leading_zeros(magnitude), integer(width - 1 - fraction));
      const Value safe_shift = module_.select(subnormal, shift, integer(0));
      const Value normal = binary(IntegerBinary::bit_or, binary(IntegerBinary::bit_and, magnitude, integer(hidden - 1)),
                                  integer(hidden));
      module_.write(significand,
                    module_.select(subnormal, binary(IntegerBinary::shift_left, magnitude, safe_shift), normal));
      module_.write(exponent,
                    module_.select(subnormal, binary(IntegerBinary::subtract, integer(1), safe_shift), biased));
    };

    const auto body = [=, this](std::span<const Value> arguments) {
      const Value x = module_.bitcast(arguments[0], bits);
      const Value y = module_.bitcast(arguments[1], bits);
      const Value x_magnitude = binary(IntegerBinary::bit_and, x, integer(magnitude_mask));
      const Value y_magnitude = binary(IntegerBinary::bit_and, y, integer(magnitude_mask));
      const Value sign = binary(IntegerBinary::bit_xor, x, x_magnitude);
      const Value invalid = module_.binary(
          LogicalBinary::logical_or,
          module_.binary(LogicalBinary::logical_or, module_.compare(IntegerCompare::equal, y_magnitude, integer(0)),
                         module_.compare(IntegerCompare::less_signed, integer(infinity), y_magnitude)),
          module_.compare(IntegerCompare::less_equal_signed, integer(infinity), x_magnitude));
      // |x| < |y| leaves x; so does an invalid pair until it is replaced by NaN.
      const Variable result = module_.variable(x);
      const Value divides =
          module_.binary(LogicalBinary::logical_and, module_.logical_not(invalid),
                         module_.compare(IntegerCompare::less_equal_signed, y_magnitude, x_magnitude));
      module_.if_then(divides, [&] {
        const Variable significand = module_.variable(bits);
        const Variable exponent = module_.variable(bits);
        const Variable divisor = module_.variable(bits);
        const Variable divisor_exponent = module_.variable(bits);
        split(x_magnitude, significand, exponent);
        split(y_magnitude, divisor, divisor_exponent);
        const auto reduce = [&] {
          const Value difference = binary(IntegerBinary::subtract, module_.read(significand), module_.read(divisor));
          const Value fits = module_.compare(IntegerCompare::less_equal_signed, integer(0), difference);
          module_.write(significand, module_.select(fits, difference, module_.read(significand)));
        };
        module_.loop_while(
            [&] {
              return module_.compare(IntegerCompare::less_signed, module_.read(divisor_exponent),
                                     module_.read(exponent));
            },
            [&] {
              reduce();
              module_.write(significand, binary(IntegerBinary::shift_left, module_.read(significand), integer(1)));
              module_.write(exponent, binary(IntegerBinary::subtract, module_.read(exponent), integer(1)));
            });
        reduce();
        const Value rest = module_.read(significand);
        const Value is_zero = module_.compare(IntegerCompare::equal, rest, integer(0));
        const Value shift = module_.select(
            is_zero, integer(0),
            binary(IntegerBinary::subtract, module_.count_leading_zeros(rest), integer(width - 1 - fraction)));
        const Value leading = binary(IntegerBinary::shift_left, rest, shift);
        const Value scaled = binary(IntegerBinary::subtract, module_.read(exponent), shift);
        const Value normal = module_.compare(IntegerCompare::less_signed, integer(0), scaled);
        const Value with_exponent =
            binary(IntegerBinary::add, binary(IntegerBinary::subtract, leading, integer(hidden)),
                   binary(IntegerBinary::shift_left, module_.select(normal, scaled, integer(0)), integer(fraction)));
        const Value down = module_.select(normal, integer(0), binary(IntegerBinary::subtract, integer(1), scaled));
        const Value small_shift =
            module_.select(module_.compare(IntegerCompare::less_unsigned, down, integer(width)), down, integer(0));
        const Value subnormal = binary(IntegerBinary::shift_right_logical, leading, small_shift);
        const Value magnitude = module_.select(is_zero, integer(0), module_.select(normal, with_exponent, subnormal));
        module_.write(result, binary(IntegerBinary::bit_or, magnitude, sign));
      });
      const Value quiet_nan = integer(infinity | hidden >> 1);
      return module_.bitcast(module_.select(invalid, quiet_nan, module_.read(result)), kind);
    };
    found = float_remainders_.emplace(kind, module_.function("fmod", {kind, kind}, kind, body)).first;
  }
  return module_.call(found->second, std::vector<Value>{left, right});
}

Arithmetic::Pair Arithmetic::two_sum(Value a, Value b) {
  const auto add = [this](Value x, Value y) { return module_.binary(FloatBinary::add, x, y); };
  const auto subtract = [this](Value x, Value y) { return module_.binary(FloatBinary::subtract, x, y); };
  const Value sum = add(a, b);
  const Value b_part = subtract(sum, a);
  const Value a_part = subtract(sum, b_part);
  return {sum, add(subtract(a, a_part), subtract(b, b_part))};
}

Arithmetic::Pair Arithmetic::two_product(Value a, Value b) {
  const auto multiply = [this](Value x, Value y) { return module_.binary(FloatBinary::multiply, x, y); };
  const auto add = [this](Value x, Value y) { return module_.binary(FloatBinary::add, x, y); };
  const auto subtract = [this](Value x, Value y) { return module_.binary(FloatBinary::subtract, x, y); };
  // Veltkamp's split into 26 bits and the rest; Dekker's product.
  const auto split = [&](Value x) {
    const Value scaled = multiply(x, module_.floating(Kind::f64, 134217729.0));
    const Value high = subtract(scaled, subtract(scaled, x));
    return Pair{high, subtract(x, high)};
  };
  const Value product = multiply(a, b);
  const Pair x = split(a);
  const Pair y = split(b);
  const Value error = subtract(multiply(x.high, y.high), product);
  return {product, add(add(add(error, multiply(x.high, y.low)), multiply(x.low, y.high)), multiply(x.low, y.low))};
}

Value Arithmetic::sum_to_odd(Pair pair) {
  const Value zero = module_.floating(Kind::f64, 0);
  const Value bits = module_.bitcast(pair.high, Kind::i64);
  const Value one = module_.integer(Kind::i64, 1);
  const Value inexact = module_.compare(FloatCompare::not_equal, pair.low, zero);
  const Value even = module_.compare(IntegerCompare::equal, module_.binary(IntegerBinary::bit_and, bits, one),
                                     module_.integer(Kind::i64, 0));
  const Value adjusts = module_.binary(LogicalBinary::logical_and, inexact, even);
  // The neighbour on the side of the error: away from zero when the error has the sum's sign.
  const Value away = module_.logical_not(module_.binary(LogicalBinary::logical_xor,
                                                        module_.compare(FloatCompare::less, pair.low, zero),
                                                        module_.compare(FloatCompare::less, pair.high, zero)));
  const Value neighbour = module_.select(away, module_.binary(IntegerBinary::add, bits, one),
                                         module_.binary(IntegerBinary::subtract, bits, one));
  return module_.bitcast(module_.select(adjusts, neighbour, bits), Kind::f64);
}

Value Arithmetic::exact_fma(Value a, Value b, Value c) {
  if (fused_) return module_.fused_multiply_add(a, b, c);
  const Kind kind = a.kind;
  auto found = exact_fmas_.find(kind);
  if (found == exact_fmas_.end()) {
    const auto is_finite = [this](Value test) {
      const Value exponent = module_.binary(IntegerBinary::bit_and, module_.bitcast(test, Kind::i64),
                                            module_.integer(Kind::i64, 0x7ff0000000000000));
      return module_.compare(IntegerCompare::not_equal, exponent, module_.integer(Kind::i64, 0x7ff0000000000000));
    };
    const auto finite_or = [=, this](Value test, Value value, Value otherwise) {
      return module_.select(is_finite(test), value, otherwise);
    };
    const auto body = [=, this](std::span<const Value> arguments) {
      if (kind == Kind::f32) {
        const auto wide = [&](int i) { return module_.resize_float(arguments[i], Kind::f64); };
        const Value product = module_.binary(FloatBinary::multiply, wide(0), wide(1));
        const Pair sum = two_sum(product, wide(2));
        return module_.resize_float(finite_or(sum.high, sum_to_odd(sum), sum.high), Kind::f32);
      }
      const Value plain = module_.binary(
          FloatBinary::add, module_.binary(FloatBinary::multiply, arguments[0], arguments[1]), arguments[2]);
      const Pair product = two_product(arguments[0], arguments[1]);
      const Pair low_sum = two_sum(arguments[2], product.low);
      const Pair high_sum = two_sum(product.high, low_sum.high);
      const Value rest = sum_to_odd(two_sum(low_sum.low, high_sum.low));
      const Value result = module_.binary(FloatBinary::add, high_sum.high, rest);
      // The plain sum has the right sign of zero, and is right for infinities and NaN, but for a finite product
      // that overflows beside an infinity.
      const Value finite_product =
          module_.binary(LogicalBinary::logical_and, is_finite(arguments[0]), is_finite(arguments[1]));
      const Value special = module_.select(
          module_.binary(LogicalBinary::logical_and, finite_product, module_.logical_not(is_finite(arguments[2]))),
          arguments[2], plain);
      const Value nonzero = module_.compare(FloatCompare::not_equal, result, module_.floating(Kind::f64, 0));
      return finite_or(result, module_.select(nonzero, result, plain), special);
    };
    found = exact_fmas_.emplace(kind, module_.function("fma", {kind, kind, kind}, kind, body)).first;
  }
  return module_.call(found->second, std::vector<Value>{a, b, c});
}

}  // namespace jaxc::spirv
