// Conversions between floats and the storage types f16 and bf16, held as u16, in integer operations.
#include "compiler/scalar/format.h"
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

namespace {

/// A storage format of 16 bits.
struct Storage {
  int mantissa_bits;
  int bias;
};

constexpr Storage half = {10, 15};
constexpr Storage brain = {7, 127};

Scalar brain_to_single(Scalar stored) {
  return float_of(convert(DType::u32, stored) << 16);
}

Scalar half_to_single(Scalar stored) {
  const Scalar bits = convert(DType::u32, stored);
  const Scalar magnitude = bits & 0x7fff;
  const Scalar sign = (bits & 0x8000) << 16;
  const Scalar normal = float_of((magnitude << 13) + static_cast<double>((127 - 15) << 23));
  const Scalar special = float_of((magnitude << 13) | static_cast<double>(255 << 23));
  const Scalar subnormal = convert(DType::f32, magnitude) * 0x1p-24;
  return with_sign(select(magnitude < 0x400, subnormal, select(magnitude < 0x7c00, normal, special)), sign);
}

/// Rounds once, to nearest even. A NaN becomes the quiet NaN of its sign.
Scalar rounded_to(Scalar x, Storage storage) {
  const Format format(x);
  ScalarCode& code = *x.code;
  const DType natural = format.natural();
  const int dropped = format.mantissa_bits() - storage.mantissa_bits;
  const int exponent_bits = 15 - storage.mantissa_bits;
  const auto constant = [&](std::uint64_t bits) { return code.bits(natural, bits); };
  const Scalar magnitude = bits_of(abs(x));
  const std::uint64_t rebias = static_cast<std::uint64_t>(format.bias() - storage.bias) << format.mantissa_bits();
  const Scalar half_way = constant((std::uint64_t{1} << (dropped - 1)) - 1) + ((magnitude >> dropped) & 1.0);
  const Scalar normal = (magnitude + half_way - constant(rebias)) >> dropped;
  // Adding a power of two whose last bit is the smallest subnormal rounds to a multiple of that.
  const int smallest = 1 - storage.bias - storage.mantissa_bits;
  const double offset = std::ldexp(1.0, smallest + format.mantissa_bits());
  const Scalar subnormal = bits_of(abs(x) + offset) - bits_of(like(x, offset));
  const std::uint64_t infinite = ((std::uint64_t{1} << exponent_bits) - 1) << storage.mantissa_bits;
  const std::uint64_t quiet = infinite | (std::uint64_t{1} << (storage.mantissa_bits - 1));
  Scalar result = select(abs(x) < std::ldexp(1.0, 1 - storage.bias), subnormal, normal);
  if (storage.bias < format.bias()) {
    result = select(abs(x) < std::ldexp(1.0, storage.bias + 1), result, constant(infinite));
  }
  result = select(is_nan(x), constant(quiet), result);
  const Scalar sign = (sign_of(x) >> (8 * (format.is_single ? 4 : 8) - 16));
  return convert(DType::u16, result | sign);
}

/// f32 has bf16's exponents, so that one rounding fits subnormals too.
Scalar single_to_brain(Scalar x) {
  const Scalar bits = bits_of(x);
  const Scalar rounded = (bits + 0x7fff + ((bits >> 16) & 1.0)) >> 16;
  return convert(DType::u16, select(is_nan(x), (sign_of(x) >> 16) | 0x7fc0, rounded));
}

using Writer = Scalar (*)(Scalar);

FunctionRow row(const std::string& name, DType from, Writer write) {
  return {name, {from}, [write](ScalarCode&, std::span<const Scalar> a) { return write(a[0]); }, true};
}

}  // namespace

std::vector<FunctionRow> conversion_functions() {
  return {
      row("f32_from_bf16", DType::u16, brain_to_single),
      row("f32_from_f16", DType::u16, half_to_single),
      row("f64_from_bf16", DType::u16, [](Scalar a) { return convert(DType::f64, brain_to_single(a)); }),
      row("f64_from_f16", DType::u16, [](Scalar a) { return convert(DType::f64, half_to_single(a)); }),
      row("bf16_from_f32", DType::f32, single_to_brain),
      row("f16_from_f32", DType::f32, [](Scalar a) { return rounded_to(a, half); }),
      row("bf16_from_f64", DType::f64, [](Scalar a) { return rounded_to(a, brain); }),
      row("f16_from_f64", DType::f64, [](Scalar a) { return rounded_to(a, half); }),
  };
}

}  // namespace jaxc::compiler
