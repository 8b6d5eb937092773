// sin, cos, tan: reduction by multiples of pi, in floats for moderate arguments and in integers for large ones.
#include <array>
#include <cmath>

#include "compiler/scalar/double_word.h"
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// |x| = count pi / 2 + remainder, with |remainder| <= pi / 4 or little more.
struct Reduction {
  Scalar remainder;
  Scalar tail;   ///< what the remainder's rounding lost, to be added
  Scalar count;  ///< unsigned; its lowest two bits are right
};

// Cody and Waite (1980): pi / 2 in four parts, so short that their products with the count are exact. What the
// differences round off is kept, so that the remainder is rounded once.
Reduction reduce_moderate(Scalar a) {
  const Format format(a);
  const double rounding = format.rounding_offset();
  const Scalar shifted = mul_add(a, 0x1.45f306dc9c883p-1, rounding);
  const Scalar count = shifted - rounding;
  const std::array<double, 4> single = {0x1.92p+0, 0x1.fb4p-12, 0x1.444p-24, 0x1.68c234p-39};
  const std::array<double, 4> other = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104};
  const std::array<double, 4>& parts = format.is_single ? single : other;
  const Scalar first = mul_add(count, -parts[0], a);
  const Scalar second = mul_add(count, -parts[1], first);
  const Scalar third = mul_add(count, -parts[2], second);
  Scalar lost = mul_add(count, -parts[2], second - third);
  if (!format.is_single) lost = lost + mul_add(count, -parts[1], first - second);  // exact for f32
  const DoubleWord sum = fast_two_sum(third, mul_add(count, -parts[3], lost));
  return {sum.high, sum.low, bits_of(shifted)};
}

// Payne and Hanek (1983): |x| / pi modulo 2 from the bits of 1 / pi that matter, in fixed point.

/// Bits of 1 / pi, the words after a first word of zeros.
constexpr std::array<std::uint64_t, 20> inverse_pi = {
    0x0000000000000000, 0x517cc1b727220a94, 0xfe13abe8fa9a6ee0, 0x6db14acc9e21c820, 0xff28b1d5ef5de2b0,
    0xdb92371d2126e970, 0x0324977504e8c90e, 0x7f0ef58e5894d39f, 0x74411afa975da242, 0x74ce38135a2fbf20,
    0x9cc8eb1cc1a99cfa, 0x4e422fc5defc941d, 0x8ffc4bffef02cc07, 0xf79788c5ad05368f, 0xb69b3f6793e584db,
    0xa7a31fb34f2ff516, 0xba93dd63f5f2f8bd, 0x9e839cfbc5294975, 0x35fdafd88fc6ae84, 0x2b0198237e3db5d5};

/// The word `lane` + `ahead` of the table, `lane` in 0..last.
Scalar table_word(Scalar lane, int ahead, int last, const std::function<Scalar(int)>& word) {
  Scalar value = word(last + ahead);
  for (int k = last - 1; k >= 0; --k) value = select(lane == k, word(k + ahead), value);
  return value;
}

/// |x| / pi modulo 2 as 1 integer bit and 63 (f32) or 127 (f64) bits of fraction, in two unsigned words.
struct Fixed {
  Scalar high;
  Scalar low;
};

Fixed fixed_turns(Scalar a) {
  const Format format(a);
  ScalarCode& code = *a.code;
  const Scalar bits = bits_of(a);
  const int width = format.is_single ? 32 : 64;
  const std::uint64_t hidden = std::uint64_t{1} << format.mantissa_bits();
  const Scalar mantissa = (bits & code.bits(bits.dtype, hidden - 1)) | code.bits(bits.dtype, hidden);
  // The window of 1 / pi starts after bit number exponent - mantissa_bits; the table's first word stands for
  // the bits 1 - width .. 0.
  const Scalar exponent = (bits >> format.mantissa_bits()) - (format.bias() + format.mantissa_bits());
  const Scalar start = exponent + (width - 1);
  const int last = format.is_single ? 4 : 16;
  auto word = [&](int k) {
    if (!format.is_single) return code.bits(DType::u64, k < 20 ? inverse_pi[k] : 0);
    if (k == 0) return code.bits(DType::u32, 0);
    const std::uint64_t pair = inverse_pi[(k + 1) / 2];
    return code.bits(DType::u32, k % 2 == 1 ? pair >> 32 : pair & 0xffffffffU);
  };
  const Scalar lane = start >> (format.is_single ? 5 : 6);
  const Scalar shift = start & (width - 1);
  std::array<Scalar, 4> words;
  for (int k = 0; k < 4; ++k) words[k] = table_word(lane, k, last, word);
  std::array<Scalar, 3> window;
  for (int k = 0; k < 3; ++k) {
    const Scalar next = code.binary(ir::Opcode::shift_right_logical, words[k + 1] >> 1, shift ^ (width - 1));
    window[k] = code.binary(ir::Opcode::shift_left, words[k], shift) | next;
  }
  auto high_product = [&](Scalar x, Scalar y) { return code.binary(ir::Opcode::mul_high, x, y); };
  const Scalar carried = high_product(mantissa, window[2]);
  const Scalar low_product = mantissa * window[1];
  const Scalar low = low_product + carried;
  const Scalar high =
      mantissa * window[0] + high_product(mantissa, window[1]) + select(low < low_product, 1.0, like(low, 0));
  return {high, low};
}

Reduction reduce_large(Scalar a) {
  const Format format(a);
  const int width = format.is_single ? 32 : 64;
  const int digits = format.mantissa_bits() + 1;
  const Fixed turns = fixed_turns(a);
  const Scalar count = (turns.high + std::ldexp(1, width - 3)) >> (width - 2);
  // The rest of 2 |x| / pi, in [-1/2, 1/2), as sign and magnitude.
  const Scalar high = (turns.high << 2) | (turns.low >> (width - 2));
  const Scalar low = turns.low << 2;
  const Scalar negative = bitcast(format.is_single ? DType::i32 : DType::i64, high) < 0.0;
  const Scalar magnitude_high = select(negative, !high, high);
  const Scalar magnitude_low = select(negative, !low, low);
  // The magnitude as three floats, each exact.
  const int left = width - digits;
  auto part = [&](Scalar bits, int exponent) { return convert(a.dtype, bits) * std::ldexp(1, exponent); };
  const Scalar first = part(magnitude_high >> left, -digits);
  const Scalar second = part(
      ((magnitude_high & (std::ldexp(1, left) - 1)) << (digits - left)) | (magnitude_low >> (2 * left)), -2 * digits);
  const Scalar third = part(magnitude_low & (std::ldexp(1, 2 * left) - 1), -2 * width);
  const DoubleWord sum = fast_two_sum(first, second);
  const DoubleWord half_pi = {like(a, format.pick(0x1.921fb6p+0, 0x1.921fb54442d18p+0)),
                              like(a, format.pick(-0x1.777a5cp-25, 0x1.1a62633145c07p-54))};
  const DoubleWord angle = fast_two_sum(sum.high, sum.low + third) * half_pi;
  const Scalar sign = high & a.code->bits(format.natural(), format.sign_bit());
  return {with_sign(angle.high, sign), with_sign(angle.low, sign), count};
}

/// Reduces a = |x|; NaN and infinity give anything.
Reduction reduce(Scalar a) {
  const Scalar large = a > Format(a).pick(6400, 0x1p20);
  auto values = [](Reduction r) { return ScalarCode::Values{r.remainder, r.tail, r.count}; };
  const ScalarCode::Values result =
      a.code->branch(large, [&] { return values(reduce_large(a)); }, [&] { return values(reduce_moderate(a)); });
  return {result[0], result[1], result[2]};
}

Scalar nan_unless_finite(Scalar x, Scalar result) {
  return select(abs(x) < infinity, result, not_a_number);
}

/// sin(count pi / 2 + r) for the reduced |x|, its sign flipped with `sign`: by the count's parity,
/// r + r^3 S(r^2) or 1 - r^2 / 2 + r^4 C(r^2).
Scalar sine_of(const Reduction& reduced, Scalar count, Scalar sign) {
  const Scalar r = reduced.remainder;
  const Scalar z = r * r;
  const Scalar s = polynomial_of(z, {-0.16666655242443085, 0.008332187309861183, -0.00019517912005539984},
                                 {-0.1666666666666663, 0.008333333333321842, -0.00019841269829361764,
                                  2.7557313540183062e-06, -2.5050734720635457e-08, 1.5895455852457492e-10});
  const Scalar c = polynomial_of(z, {0.04166664555668831, -0.0013887309469282627, 2.44323346123565e-05},
                                 {0.041666666666666595, -0.0013888888888873307, 2.480158728896525e-05,
                                  -2.755731420309528e-07, 2.0875703143316297e-09, -1.135861728594702e-11});
  const Scalar sine = mul_add(r * z, s, r);
  const Scalar cosine = mul_add(z, mul_add(z, c, -0.5), 1.0);
  const Scalar value = select((count & 1.0) == 0.0, sine, cosine);
  const int to_sign = Format(r).is_single ? 30 : 62;
  return with_sign(value, ((count & 2.0) << to_sign) ^ sign);
}

Scalar sine(Scalar x) {
  const Reduction reduced = reduce(abs(x));
  return nan_unless_finite(x, sine_of(reduced, reduced.count, sign_of(x)));
}

Scalar cosine(Scalar x) {
  const Reduction reduced = reduce(abs(x));
  return nan_unless_finite(x, sine_of(reduced, reduced.count + 1.0, like(reduced.count, 0)));
}

// tan(r) = r + r^3 P(r^2) for |r| <= pi / 4; between the multiples of pi, -1 / tan(r).
Scalar tangent(Scalar x) {
  const Reduction reduced = reduce(abs(x));
  const Scalar r = reduced.remainder;
  const Scalar z = r * r;
  const Scalar p =
      polynomial_of(z,
                    {0.33333349227905273, 0.13332673907279968, 0.05405915528535843, 0.021284744143486023,
                     0.010832387953996658, 8.963709842646495e-05, 0.00437843007966876},
                    {0.3333333333333277, 0.13333333333415587, 0.05396825392621104, 0.021869489619992414,
                     0.00886321900751856, 0.0035922905162117116, 0.0014547490759208518, 0.0005951028425699582,
                     0.0002222654670090418, 0.00013676507756060403, -2.672927448117237e-05, 8.977260971582955e-05,
                     -4.5052101970557915e-05, 2.0906114636170493e-05});
  const Scalar correction = mul_add(r * z, p, mul_add(z, reduced.tail, reduced.tail));
  const DoubleWord tangent = fast_two_sum(r, correction);
  // 1 / (high + low) with one correction.
  const Scalar inverse = 1.0 / tangent.high;
  const Scalar error = fma(-inverse, tangent.high, like(x, 1)) - inverse * tangent.low;
  const Scalar cotangent = mul_add(inverse, error, inverse);
  const Scalar odd = (reduced.count & 1.0) != 0.0;
  return nan_unless_finite(x, with_sign(select(odd, -cotangent, tangent.high), sign_of(x)));
}

}  // namespace

std::vector<FunctionRow> trigonometric_functions() {
  std::vector<FunctionRow> rows;
  add_float_rows(rows, "sin", sine);
  add_float_rows(rows, "cos", cosine);
  add_float_rows(rows, "tan", tangent);
  return rows;
}

}  // namespace jaxc::compiler
