// Fourier transforms by Stockham's mixed-radix stages, each one nest; lengths with a large prime factor by
// Bluestein's convolution with a chirp.
#include <array>
#include <bit>
#include <complex>
#include <numbers>

#include "compiler/lower/routines/fft_tables.h"
#include "compiler/lower/routines/items.h"
#include "compiler/lower/routines/routines.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler::lowering {

namespace {

constexpr std::int64_t largest_radix = 50;  ///< a larger prime factor is left to Bluestein
constexpr std::int64_t unrolled_radix = 8;  ///< sums of at most so many terms are written out

// Radices whose product is n: first a sixteen where the elements of a line are neighbours, since its results fill
// vectors, then eights, the rest of a power of two, and primes in ascending order.
std::vector<std::int64_t> radices(std::int64_t n, bool neighbours) {
  std::vector<std::int64_t> factors;
  const auto take = [&](std::int64_t factor) {
    const bool divides = n % factor == 0;
    if (divides) factors.push_back(factor);
    if (divides) n /= factor;
    return divides;
  };
  if (neighbours && (n % 32 == 0 || n == 16)) take(16);
  for (const std::int64_t factor : {8, 4, 2})
    while (take(factor)) continue;
  for (std::int64_t factor = 3; factor * factor <= n; factor += 2)
    while (take(factor)) continue;
  if (n > 1) factors.push_back(n);
  return factors;
}

// Transforms lines of `n` elements, along the second axis of [outer, n, inner].
class Lines {
 public:
  Lines(Lowering& lowering, DType dtype, std::int64_t outer, std::int64_t inner)
      : lowering_(lowering), dtype_(dtype), inner_(inner), items_(lowering, {outer}, dtype) {}

  const Items& items() const { return items_; }

  // The first half of the transform of lines of n real numbers, n even: z[j] = x[2j] + i x[2j+1] has half the length,
  // and Z[k] = E[k] + i O[k] the transforms of the even and the odd numbers, which are symmetric: E[-k] = conj E[k].
  Elements transform_real(const Elements& lines, std::int64_t n) const {
    const std::int64_t half = n / 2;
    const Elements pairs = {lowering_.reshape(lines.real, items_.shape({half, 2}))};
    const Elements signal = items_.generate(
        {half, 1}, [&](const Point& p) { return complex(p.read(pairs, {p[0], 0}), p.read(pairs, {p[0], 1})); });
    const Elements spectrum = transform(signal, half, -1, 0.5L);
    const Elements round = items_.generate({half + 1, 1}, [&](const Point& p) {
      const Scalar first = p.read(spectrum, {0, 0});
      const auto part = [&](ArrayId array, const Scalar& end) {
        std::vector<ir::Index> place = at(p.batch);
        place.push_back(at(p[0].real));
        place.push_back(fixed(0));
        const Scalar inside = p[0] < p.integer(half);
        return end.part(p.builder.read(p.dtype, array, std::move(place), inside.real, end.real));
      };
      return complex(part(spectrum.real, first.real_part()), part(*spectrum.imaginary, first.imaginary_part()));
    });
    const Elements turn = array(turns(dtype_, half + 1, n, -1));
    return items_.generate({half + 1, 1}, [&](const Point& p) {
      const Scalar value = p.read(round, {p[0], 0});
      const Scalar mirrored = conj(p.read(round, {at(p[0].real, -1, half), 0}));
      const Scalar result = value + mirrored + entry(p, turn, {at(p[0].real)}) * quarter_turn(mirrored - value);
      const Scalar is_end = is_zero(p[0]) | equal(p[0], p.integer(half));
      return complex(result.real_part(), select(is_end, p.number(0), result.imaginary_part()));
    });
  }

  // The inverse of transform_real, times 1 / n: the parts of the result of z are the even and the odd numbers.
  Elements transform_to_real(const Elements& spectrum, std::int64_t n) const {
    const std::int64_t half = n / 2;
    const Elements turn = array(turns(dtype_, half, n, 1));
    const Elements folded = items_.generate({half, 1}, [&](const Point& p) {
      const auto real_at_ends = [&](const Scalar& value) {
        return complex(value.real_part(), select(is_zero(p[0]), p.number(0), value.imaginary_part()));
      };
      const Scalar value = real_at_ends(p.read(spectrum, {p[0], 0}));
      const Scalar mirrored = conj(real_at_ends(p.read(spectrum, {at(p[0].real, -1, half), 0})));
      return value + mirrored + entry(p, turn, {at(p[0].real)}) * quarter_turn(value - mirrored);
    });
    const Elements signal = transform(folded, half, 1, 1 / static_cast<long double>(n));
    const Elements pairs = items_.generate({half, 2}, [&](const Point& p) {
      const Scalar value = p.read(signal, {p[0], 0});
      return select(is_zero(p[1]), value.real_part(), value.imaginary_part());
    });
    return {lowering_.reshape(pairs.real, items_.shape({n, 1}))};
  }

  // sum over j of x[j] exp(sign 2 pi i j k / n), times `factor`.
  Elements transform(const Elements& lines, std::int64_t n, int sign, long double factor) const {
    const std::vector<std::int64_t> factors = radices(n, inner_ == 1);
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
  Elements array(ComplexTable table) const {
    return {lowering_.table(std::move(table.real)), lowering_.table(std::move(table.imaginary))};
  }

  static Scalar quarter_turn(const Scalar& value) { return complex(-value.imaginary_part(), value.real_part()); }

  static Scalar entry(const Point& p, const Elements& table, std::vector<ir::Index> indices) {
    return {&p.builder, p.lowering.read(p.builder, table.real, indices),
            p.lowering.read(p.builder, *table.imaginary, indices)};
  }

  // y[q + s (r p + k)] = w^(p k) sum over j of x[q + s (p + m j)] v^(j k), where w and v are the roots of unity of
  // length and radix r, length = r m, and s is the stride.
  Elements stage(const Elements& source, std::int64_t length, std::int64_t radix, std::int64_t stride, int sign,
                 long double factor) const {
    const std::int64_t groups = length / radix;
    const auto term = [&](const Point& p, ir::Index place) {
      place.terms.push_back({stride, p[0].real});
      place.terms.push_back({1, p[2].real});
      return p.read(source, {std::move(place), p[3]});
    };
    std::optional<Elements> twiddle;
    if (groups > 1 || factor != 1) twiddle = array(powers_of_turns(dtype_, radix, groups, length, sign, factor));
    const auto turned = [&](const Point& p, const Scalar& sum) {
      if (!twiddle) return sum;
      const Scalar result = entry(p, *twiddle, {at(p[1].real), at(p[0].real)}) * sum;
      return factor == 1 ? select(equal(p[1], p.integer(0)), sum, result) : result;
    };
    const Shape shape = {groups, radix, stride, inner_};
    const std::int64_t step = groups * stride;
    if (std::has_single_bit(static_cast<std::uint64_t>(radix)))
      return whole(length * stride, items_.generate(shape, [&](const Point& p) {
        std::vector<Scalar> terms;
        for (std::int64_t j = 0; j < radix; ++j) terms.push_back(term(p, fixed(j * step)));
        return turned(p, butterfly(p, terms, sign));
      }));
    const Elements root = array(powers_of_turns(dtype_, radix, radix, radix, sign, 1));
    if (radix <= unrolled_radix) {
      return whole(length * stride, items_.generate(shape, [&](const Point& p) {
        Scalar sum = term(p, fixed(0));
        for (std::int64_t j = 1; j < radix; ++j)
          sum = sum + entry(p, root, {at(p[1].real), fixed(j)}) * term(p, fixed(j * step));
        return turned(p, sum);
      }));
    }
    const Elements sums = items_.sum(shape, {radix}, [&](const Point& p) {
      return entry(p, root, {at(p[1].real), at(p[4].real)}) * term(p, at(p[4].real, step));
    });
    return whole(length * stride, items_.generate(shape, [&](const Point& p) {
      return turned(p, p.read(sums, {p[0], p[1], p[2], p[3]}));
    }));
  }

  // Number k = p[1] of the transform of a power of two of terms, by the transforms of the even and the odd ones. Once
  // the axis k is unrolled, the choices are made, and what several k need is computed once.
  static Scalar butterfly(const Point& p, std::span<const Scalar> terms, int sign) {
    const std::size_t count = terms.size();
    if (count == 1) return terms[0];
    std::vector<Scalar> halves[2];
    for (std::size_t j = 0; j < count; ++j) halves[j % 2].push_back(terms[j]);
    const auto bit = [&](std::int64_t mask) { return !equal(p[1] & p.integer(mask), p.integer(0)); };
    const Scalar even = butterfly(p, halves[0], sign);
    Scalar odd = butterfly(p, halves[1], sign);
    const auto half = static_cast<std::int64_t>(count / 2);
    for (std::int64_t mask = 1; mask < half; mask *= 2)
      odd = select(bit(mask), turn(odd, root_of_unity(sign * mask, 2 * half)), odd);
    return select(bit(half), even - odd, even + odd);
  }

  static Scalar turn(const Scalar& value, const std::complex<long double>& root) {
    const Scalar rotated = quarter_turn(value);
    if (std::abs(root.real()) < 1e-15L) return root.imag() > 0 ? rotated : -rotated;
    const Scalar cosine = value.number(static_cast<double>(root.real()));
    const Scalar sine = value.number(static_cast<double>(root.imag()));
    return multiply_add(sine, rotated, cosine * value);
  }

  Elements whole(std::int64_t n, const Elements& values) const {
    const Shape shape = items_.shape({n, inner_});
    Elements result{lowering_.reshape(values.real, shape)};
    if (values.imaginary) result.imaginary = lowering_.reshape(*values.imaginary, shape);
    return result;
  }

  // j k = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with c[k] = exp(-sign pi i k^2 / n).
  Elements bluestein(const Elements& lines, std::int64_t n, int sign, long double factor) const {
    const auto padded = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(2 * n - 1)));
    ChirpTables tables = chirp_tables(dtype_, n, padded, sign, factor);
    const Elements chirps = array(std::move(tables.chirp));
    const Elements spectrum = array(std::move(tables.spectrum));
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

std::int64_t points(std::span<const std::int64_t> extents) {
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
      const std::int64_t outer = points(extents.first(axis));
      const std::int64_t inner = points(extents.subspan(axis + 1));
      const Lines lines(lowering, operand.items.dtype(), outer, inner);
      reshaped({outer, shape[axis], inner});
      const std::int64_t n = kind == Kind::real_inverse && axis == last ? type.shape[last] : shape[axis];
      if (axis == last) shape[last] = type.shape[last];
      const bool pairs = n % 2 == 0 && n > 2 && axis == last;
      if (pairs && kind == Kind::real_forward) return void(values = lines.transform_real(values, n));
      if (pairs && kind == Kind::real_inverse) return void(values = lines.transform_to_real(values, n));
      if (kind == Kind::real_inverse && axis == last) values = completed(lines.items(), values, n);
      values = lines.transform(values, n, inverse ? 1 : -1, inverse ? 1 / static_cast<long double>(n) : 1.0L);
      if (kind == Kind::real_forward && axis == last && n > 1) {
        const Elements all = values;
        values = lines.items().generate({n / 2 + 1, 1}, [&](const Point& p) {
          const Scalar value = p.read(all, {p[0], 0});
          return complex(value.real_part(), select(is_zero(p[0]), p.number(0), value.imaginary_part()));
        });
      }
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
