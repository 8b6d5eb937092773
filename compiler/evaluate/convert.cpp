// Evaluation of conversions between dtypes, roundings and complex parts.
#include <cmath>

#include "compiler/evaluate/elementwise.h"
#include "compiler/evaluate/small_float.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;

// Towards zero, saturating; NaN gives 0.
template <typename To>
To saturated(double x, DType to) {
  if (std::isnan(x)) return 0;
  const int bits = value_bits(to);
  if constexpr (std::is_signed_v<To>) {
    const double limit = std::ldexp(1.0, bits - 1);
    const To highest = static_cast<To>((std::uint64_t{1} << (bits - 1)) - 1);
    if (x >= limit) return highest;
    if (x < -limit) return -highest - 1;
  } else {
    if (x >= std::ldexp(1.0, bits)) return bits == 64 ? ~To(0) : (To(1) << bits) - 1;
    if (x <= 0) return 0;
  }
  return static_cast<To>(x);
}

template <typename To, typename From>
To convert(From x, DType to) {
  if constexpr (is_complex_value<To> && is_complex_value<From>) {
    return x;
  } else if constexpr (is_complex_value<To>) {
    return To(convert<double>(x, to));
  } else if constexpr (is_complex_value<From>) {
    return convert<To>(x.real(), to);
  } else if constexpr (is_floating_value<From> && is_integer_value<To>) {
    return saturated<To>(x, to);
  } else if constexpr (is_integer_value<From> && is_floating_value<To>) {
    // One rounding for f32; narrower dtypes are reached through f32.
    return to == DType::f64 || to == DType::c128 ? static_cast<double>(x) : static_cast<float>(x);
  } else {
    return static_cast<To>(x);
  }
}

Results convert_elements(const Application& application) {
  const Type& type = application.types[0];
  const Type& from = application.operands[0].type();
  if (from.dtype == type.dtype) return application.operands;
  return visit(from.dtype, [&]<typename From>(From) -> Results {
    const auto values = load<From>(application.operands[0]);
    if (type.dtype == DType::boolean) {
      std::vector<std::uint64_t> truths;
      for (const From& value : values) {
        if constexpr (is_complex_value<From>) {
          truths.push_back(value.real() != 0);
        } else {
          truths.push_back(value != From(0));
        }
      }
      return {store(type, truths)};
    }
    return visit(type.dtype, [&]<typename To>(To) -> Results {
      std::vector<To> results;
      for (const From& value : values) results.push_back(convert<To>(value, type.dtype));
      return {store(type, results)};
    });
  });
}

// Rounds to a format with these bits, in that of `dtype`: overflow gives infinity and, as XLA defines it, what is below
// the smallest normal number gives zero where exponents lose bits.
double with_precision(double x, DType dtype, std::int64_t exponent_bits, std::int64_t mantissa_bits) {
  if (std::isnan(x) || std::isinf(x) || x == 0) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const int own_bits = dtype == DType::f64 ? 11 : dtype == DType::f16 ? 5 : 8;
  exponent = std::max(exponent, 3 - (1 << (own_bits - 1)));  // subnormal numbers keep their last bit's place
  const int places = static_cast<int>(std::min<std::int64_t>(mantissa_bits, 60));
  const double scaled = std::ldexp(x, places - (exponent - 1));
  double whole = std::nearbyint(scaled);
  // Without a mantissa the last bit is the exponent's, which counts from an odd number: ties go to where it is even.
  if (places == 0 && std::fabs(scaled) == 1.5) whole = std::copysign(exponent % 2 == 0 ? 1 : 2, x);
  const double rounded = std::ldexp(whole, (exponent - 1) - places);
  if (exponent_bits >= own_bits) return rounded;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  if (std::fabs(rounded) >= std::ldexp(1.0, bias + 1)) {
    return std::copysign(std::numeric_limits<double>::infinity(), x);
  }
  if (std::fabs(rounded) < std::ldexp(1.0, 1 - bias)) return std::copysign(0.0, x);
  return rounded;
}

// Both parts of complex values in double, whatever their precision.
template <typename Function>
Results complex_parts(const Application& application, Function function) {
  return map_elements<std::complex<double>>(application, function);
}

}  // namespace

namespace evaluators {

Results convert_element_type(const Application& a) {
  return convert_elements(a);
}
Results reduce_precision(const Application& a) {
  const std::int64_t exponent = a.parameters().integer("exponent_bits");
  const std::int64_t mantissa = a.parameters().integer("mantissa_bits");
  const DType dtype = a.types[0].dtype;
  return map_elements<double>(a, [&](double x) { return with_precision(x, dtype, exponent, mantissa); });
}
Results real(const Application& a) {
  return complex_parts(a, [](std::complex<double> x) { return x.real(); });
}
Results imag(const Application& a) {
  return complex_parts(a, [](std::complex<double> x) { return x.imag(); });
}
Results conj(const Application& a) {
  const bool real = !is_complex(a.operands[0].type().dtype);
  return complex_parts(a, [real](std::complex<double> x) { return real ? x : std::conj(x); });
}
Results complex(const Application& a) {
  return map_elements<double>(a, [](double real, double imaginary) { return std::complex<double>(real, imaginary); });
}
Results floor(const Application& a) {
  return map_elements<double>(a, [](double x) { return std::floor(x); });
}
Results ceil(const Application& a) {
  return map_elements<double>(a, [](double x) { return std::ceil(x); });
}
Results round(const Application& a) {
  const bool to_even = ir::rounds_to_even(a.parameters());
  return map_elements<double>(a, [&](double x) { return to_even ? std::nearbyint(x) : std::round(x); });
}
Results is_finite(const Application& a) {
  return map_elements<double>(a, [](double x) { return std::isfinite(x); });
}

}  // namespace evaluators

}  // namespace jaxc::compiler
