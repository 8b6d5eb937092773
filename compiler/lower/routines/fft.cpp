// Fourier transforms by Stockham's mixed-radix stages, each one nest; lengths with a large prime factor by
// Bluestein's convolution with a chirp.
#include <bit>
#include <complex>
#include <numbers>

#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler::lowering {

namespace {

using Complex = std::complex<long double>;

constexpr std::int64_t largest_radix = 50;  ///< a larger prime factor is left to Bluestein
constexpr std::int64_t unrolled_radix = 8;  ///< sums of at most so many terms are written out

// exp(2 pi i number / n), with the angle reduced exactly.
Complex root_of_unity(std::int64_t number, std::int64_t n) {
  const auto turn = static_cast<long double>(((number % n) + n) % n) / static_cast<long double>(n);
  return std::polar(1.0L, 2 * std::numbers::pi_v<long double> * turn);
}

// Radices whose product is n: fours, then primes in ascending order.
std::vector<std::int64_t> radices(std::int64_t n) {
  std::vector<std::int64_t> factors;
  for (std::int64_t factor : {4, 2}) {
    for (; n % factor == 0; n /= factor) factors.push_back(factor);
  }
  for (std::int64_t factor = 3; factor * factor <= n; factor += 2) {
    for (; n % factor == 0; n /= factor) factors.push_back(factor);
  }
  if (n > 1) factors.push_back(n);
  return factors;
}

// The transform of `count` numbers, a power of two, each `stride` after the last. roots[k] = exp(-2 pi i k / n), where
// n = count * stride.
void transform(const Complex* values, std::size_t stride, std::size_t count, const std::vector<Complex>& roots,
               Complex* result) {
  if (count == 1) {
    *result = *values;
    return;
  }
  const std::size_t half = count / 2;
  transform(values, 2 * stride, half, roots, result);
  transform(values + stride, 2 * stride, half, roots, result + half);
  for (std::size_t k = 0; k < half; ++k) {
    const Complex even = result[k];
    const Complex turned = roots[k * stride] * result[k + half];
    result[k] = even + turned;
    result[k + half] = even - turned;
  }
}

// The transform of a power of two of numbers.
std::vector<Complex> transformed(const std::vector<Complex>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<Complex> roots;
  for (std::int64_t k = 0; k < count / 2; ++k) roots.push_back(root_of_unity(-k, count));
  std::vector<Complex> result(values.size());
  transform(values.data(), 1, values.size(), roots, result.data());
  return result;
}

// Transforms lines of `n` elements, along the second axis of [outer, n, inner].
class Lines {
 public:
  Lines(Lowering& lowering, DType dtype, std::int64_t outer, std::int64_t inner)
      : lowering_(lowering), dtype_(dtype), inner_(inner), items_(lowering, {outer}, dtype) {}

  const Items& items() const { return items_; }

  // sum over j of x[j] exp(sign 2 pi i j k / n), times `factor`.
  Elements transform(const Elements& lines, std::int64_t n, int sign, long double factor) const {
    const std::vector<std::int64_t> factors = radices(n);
    if (!factors.empty() && factors.back() > largest_radix) return bluestein(lines, n, sign, factor);
    Elements current = lines;
    std::int64_t stride = 1;
    for (const std::int64_t radix : factors) {
      current = stage(current, n / stride, radix, stride, sign, stride == 1 ? factor : 1.0L);
      stride *= radix;
    }
    return current;
  }

 private:
  Elements table(const Shape& shape, const std::vector<Complex>& values) const {
    std::vector<double> real;
    std::vector<double> imaginary;
    for (const Complex& value : values) {
      real.push_back(static_cast<double>(value.real()));
      imaginary.push_back(static_cast<double>(value.imag()));
    }
    const auto array = [&](const std::vector<double>& numbers) {
      if (dtype_ == DType::f64) return lowering_.table(Array::of<double>(shape, numbers));
      return lowering_.table(Array::of<float>(shape, std::vector<float>(numbers.begin(), numbers.end())));
    };
    return {array(real), array(imaginary)};
  }

  static Scalar entry(const Point& p, const Elements& table, std::vector<ir::Index> indices) {
    return {&p.builder, p.lowering.read(p.builder, table.real, indices),
            p.lowering.read(p.builder, *table.imaginary, indices)};
  }

  // y[q + s (r p + k)] = w^(p k) sum over j of x[q + s (p + m j)] v^(j k), where w and v are the roots of unity of
  // length and radix r, length = r m, and s is the stride.
  Elements stage(const Elements& source, std::int64_t length, std::int64_t radix, std::int64_t stride, int sign,
                 long double factor) const {
    const std::int64_t groups = length / radix;
    std::vector<Complex> roots;
    for (std::int64_t k = 0; k < radix; ++k)
      for (std::int64_t j = 0; j < radix; ++j) roots.push_back(factor * root_of_unity(sign * j * k, radix));
    const Elements root = table({radix, radix}, roots);
    std::vector<Complex> twiddles;
    for (std::int64_t p = 0; p < groups; ++p)
      for (std::int64_t k = 0; k < radix; ++k) twiddles.push_back(root_of_unity(sign * p * k, length));
    const auto term = [&](const Point& p, const ir::Index& j, ir::Index place) {
      place.terms.push_back({stride, p[0].real});
      place.terms.push_back({1, p[2].real});
      return entry(p, root, {at(p[1].real), j}) * p.read(source, {std::move(place), p[3]});
    };
    const Shape shape = {groups, radix, stride, inner_};
    const std::optional<Elements> twiddle =
        groups == 1 ? std::nullopt : std::optional(table({groups, radix}, twiddles));
    const auto turned = [&](const Point& p, const Scalar& sum) {
      return twiddle ? entry(p, *twiddle, {at(p[0].real), at(p[1].real)}) * sum : sum;
    };
    const std::int64_t step = groups * stride;
    if (radix <= unrolled_radix) {
      return whole(length * stride, items_.generate(shape, [&](const Point& p) {
        Scalar sum = term(p, fixed(0), fixed(0));
        for (std::int64_t j = 1; j < radix; ++j) sum = sum + term(p, fixed(j), fixed(j * step));
        return turned(p, sum);
      }));
    }
    const Elements sums =
        items_.sum(shape, {radix}, [&](const Point& p) { return term(p, at(p[4].real), at(p[4].real, step)); });
    return whole(length * stride, items_.generate(shape, [&](const Point& p) {
      return turned(p, p.read(sums, {p[0], p[1], p[2], p[3]}));
    }));
  }

  Elements whole(std::int64_t n, const Elements& values) const {
    const Shape shape = items_.shape({n, inner_});
    return {lowering_.reshape(values.real, shape), lowering_.reshape(*values.imaginary, shape)};
  }

  // j k = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with c[k] = exp(-sign pi i k^2 / n).
  Elements bluestein(const Elements& lines, std::int64_t n, int sign, long double factor) const {
    const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(2 * n - 1)));
    std::vector<Complex> chirp;
    std::vector<Complex> kernel(static_cast<std::size_t>(padded));
    for (std::int64_t k = 0; k < n; ++k) {
      const auto squared = static_cast<std::int64_t>(static_cast<unsigned __int128>(k) * static_cast<std::uint64_t>(k) %
                                                     static_cast<std::uint64_t>(2 * n));
      chirp.push_back(root_of_unity(sign * squared, 2 * n));
      kernel[static_cast<std::size_t>(k)] = std::conj(chirp.back()) * factor;
      kernel[static_cast<std::size_t>((padded - k) % padded)] = kernel[static_cast<std::size_t>(k)];
    }
    const Elements chirps = table({n}, chirp);
    const Elements spectrum = table({padded}, transformed(kernel));
    const Elements signal = items_.generate({padded, inner_}, [&](const Point& p) {
      const Scalar inside = min(p[0], p.integer(n - 1));
      const Scalar value = p.read(lines, {inside, p[1]}) * entry(p, chirps, {at(inside.real)});
      return select(p[0] < p.integer(n), value, p.number(0));
    });
    const Elements forward = transform(signal, padded, -1, 1);
    const Elements product = items_.generate({padded, inner_}, [&](const Point& p) {
      return p.read(forward, {p[0], p[1]}) * entry(p, spectrum, {at(p[0].real)});
    });
    const Elements back = transform(product, padded, 1, 1 / static_cast<long double>(padded));
    return items_.generate(
        {n, inner_}, [&](const Point& p) { return p.read(back, {p[0], p[1]}) * entry(p, chirps, {at(p[0].real)}); });
  }

  Lowering& lowering_;
  DType dtype_;
  std::int64_t inner_;
  Items items_;
};

// The other half of a real signal's spectrum: X[n - k] = conj X[k]; X[0] and X[n / 2] count as real.
Elements completed(const Items& items, const Elements& half, std::int64_t n) {
  return items.generate({n, 1}, [&](const Point& p) {
    const Scalar mirrored = p.integer(n / 2) < p[0];
    const Scalar place = select(mirrored, p.integer(n) - p[0], p[0]);
    const Scalar value = p.read(half, {place, 0});
    const Scalar twin = equal(place + place, p.integer(n)) | is_zero(place);
    const Scalar imaginary = select(twin, p.number(0), value.imaginary_part());
    return complex(value.real_part(), select(mirrored, -imaginary, imaginary));
  });
}

std::int64_t product(std::span<const std::int64_t> extents) {
  std::int64_t result = 1;
  for (const std::int64_t extent : extents) result *= extent;
  return result;
}

}  // namespace

void fft(Lowering& lowering, const Equation& equation) {
  using Kind = ir::FourierKind;
  const Kind kind = ir::fourier_kind(equation.parameters);
  const auto lengths = equation.parameters.integers("fft_lengths");
  const Operand operand(lowering, equation.inputs[0], 0);
  const Type& type = lowering.type(equation.outputs[0]);
  if (element_count(type.shape) == 0 || element_count(operand.shape) == 0) {
    lowering.define(equation.outputs[0],
                    lowering.fill(ir::constant_of(storage_dtype(type.dtype), 0), storage_shape(type)));
    return;
  }
  const bool inverse = kind == Kind::inverse || kind == Kind::real_inverse;
  const std::size_t last = operand.shape.size() - 1;
  const std::size_t first = operand.shape.size() - lengths.size();
  const auto outputs = lowering.routine("fft", {{operand.array}}, [&]() -> std::vector<ArrayId> {
    Shape shape = operand.shape;
    Elements values = operand.items.split(operand.array, operand.is_complex);
    const auto reshaped = [&](const Shape& wanted) {
      values.real = lowering.reshape(values.real, wanted);
      if (values.imaginary) values.imaginary = lowering.reshape(*values.imaginary, wanted);
    };
    const auto transform = [&](std::size_t axis) {
      const std::span<const std::int64_t> extents = shape;
      const std::int64_t outer = product(extents.first(axis));
      const std::int64_t inner = product(extents.subspan(axis + 1));
      const Lines lines(lowering, operand.items.dtype(), outer, inner);
      reshaped({outer, shape[axis], inner});
      const std::int64_t n = kind == Kind::real_inverse && axis == last ? type.shape[last] : shape[axis];
      if (kind == Kind::real_inverse && axis == last) values = completed(lines.items(), values, n);
      values = lines.transform(values, n, inverse ? 1 : -1, inverse ? 1 / static_cast<long double>(n) : 1.0L);
      if (kind == Kind::real_forward && axis == last && n > 1) {
        const Elements all = values;
        values = lines.items().generate({n / 2 + 1, 1}, [&](const Point& p) { return p.read(all, {p[0], 0}); });
      }
      if (axis == last) shape[last] = type.shape[last];
    };
    if (kind == Kind::real_forward) transform(last);
    for (std::size_t axis = first; axis < last; ++axis) transform(axis);
    if (kind != Kind::real_forward) transform(last);
    reshaped(shape);
    if (!is_complex(type.dtype)) return {values.real};
    return {operand.items.join(values, true)};
  });
  lowering.define(equation.outputs[0], outputs[0]);
}

}  // namespace jaxc::compiler::lowering
