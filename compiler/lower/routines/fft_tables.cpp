// Makes the constants of Fourier transforms from two short tables of roots each.
#include "compiler/lower/routines/fft_tables.h"

#include <complex>
#include <numbers>
#include <vector>

namespace jaxc::compiler::lowering {

namespace {

// std::complex's own product looks after infinities.
template <typename Real>
std::complex<Real> product(const std::complex<Real>& a, const std::complex<Real>& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// All roots of unity of order n, each a product of two of few.
template <typename Real>
class Roots {
 public:
  explicit Roots(std::int64_t n) : n_(n) {
    while (std::int64_t{1} << (2 * bits_) < n) ++bits_;
    const std::int64_t step = std::int64_t{1} << bits_;
    for (std::int64_t k = 0; k < step; ++k) fine_.push_back(root(k));
    for (std::int64_t k = 0; k < n; k += step) coarse_.push_back(root(k));
  }

  std::int64_t order() const { return n_; }

  /// exp(2 pi i number / n) for a number from 0 to n - 1.
  std::complex<Real> operator()(std::int64_t number) const {
    const auto place = static_cast<std::size_t>(number);
    return product(coarse_[place >> bits_], fine_[place & ((std::size_t{1} << bits_) - 1)]);
  }

  /// `number` modulo n.
  std::int64_t reduced(std::int64_t number) const { return ((number % n_) + n_) % n_; }

 private:
  std::complex<Real> root(std::int64_t number) const {
    const std::complex<long double> value = root_of_unity(number, n_);
    return {static_cast<Real>(value.real()), static_cast<Real>(value.imag())};
  }

  std::int64_t n_;
  int bits_ = 0;
  std::vector<std::complex<Real>> fine_;
  std::vector<std::complex<Real>> coarse_;
};

/// Tables of elements T, computed as Real.
template <typename T, typename Real>
struct Maker {
  using Complex = std::complex<Real>;

  DType dtype;

  /// A table that is written element by element.
  class Writer {
   public:
    Writer(DType dtype, Shape shape)
        : table_{Array(Type{dtype, shape}), Array(Type{dtype, shape})},
          real_(reinterpret_cast<T*>(table_.real.mutable_bytes().data())),
          imaginary_(reinterpret_cast<T*>(table_.imaginary.mutable_bytes().data())) {}

    void put(const Complex& value) {
      *real_++ = static_cast<T>(value.real());
      *imaginary_++ = static_cast<T>(value.imag());
    }
    /// factor exp(2 pi i step k / n) for k below `count`.
    void put_powers(const Roots<Real>& roots, std::int64_t step, std::int64_t count, Real factor) {
      step = roots.reduced(step);
      std::int64_t number = 0;
      for (std::int64_t k = 0; k < count; ++k) {
        put(factor * roots(number));
        number += step;
        if (number >= roots.order()) number -= roots.order();
      }
    }
    ComplexTable finish() { return std::move(table_); }

   private:
    ComplexTable table_;
    T* real_;
    T* imaginary_;
  };

  ComplexTable turns(std::int64_t count, std::int64_t n, int sign) const {
    Writer table(dtype, {count});
    table.put_powers(Roots<Real>(n), sign, count, 1);
    return table.finish();
  }

  ComplexTable powers_of_turns(std::int64_t rows, std::int64_t columns, std::int64_t n, int sign,
                               long double factor) const {
    const Roots<Real> roots(n);
    Writer table(dtype, {rows, columns});
    for (std::int64_t k = 0; k < rows; ++k) table.put_powers(roots, sign * k, columns, static_cast<Real>(factor));
    return table.finish();
  }

  // The transform of `count` numbers, a power of two, each `stride` after the last. roots[k] = exp(-2 pi i k / n),
  // where n = count * stride.
  static void transform(const Complex* values, std::size_t stride, std::size_t count, const std::vector<Complex>& roots,
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
      const Complex turned = product(roots[k * stride], result[k + half]);
      result[k] = even + turned;
      result[k + half] = even - turned;
    }
  }

  ChirpTables chirp_tables(std::int64_t n, std::int64_t padded, int sign, long double factor) const {
    const Roots<Real> roots(2 * n);
    Writer chirp(dtype, {n});
    std::vector<Complex> kernel(static_cast<std::size_t>(padded));
    std::int64_t square = 0;  // of k, modulo 2 n
    for (std::int64_t k = 0; k < n; ++k) {
      const Complex value = roots(roots.reduced(sign * square));
      chirp.put(value);
      kernel[static_cast<std::size_t>(k)] = std::conj(value) * static_cast<Real>(factor);
      kernel[static_cast<std::size_t>((padded - k) % padded)] = kernel[static_cast<std::size_t>(k)];
      square = (square + 2 * k + 1) % (2 * n);
    }
    const Roots<Real> circle(padded);
    std::vector<Complex> turned;
    for (std::int64_t k = 0; k < padded / 2; ++k) turned.push_back(circle(circle.reduced(-k)));
    std::vector<Complex> transformed(kernel.size());
    transform(kernel.data(), 1, kernel.size(), turned, transformed.data());
    Writer spectrum(dtype, {padded});
    for (const Complex& value : transformed) spectrum.put(value);
    return {chirp.finish(), spectrum.finish()};
  }
};

template <typename Function>
auto with_maker(DType dtype, const Function& function) {
  return dtype == DType::f64 ? function(Maker<double, long double>{dtype}) : function(Maker<float, double>{dtype});
}

}  // namespace

std::complex<long double> root_of_unity(std::int64_t number, std::int64_t n) {
  const auto turn = static_cast<long double>(number % n) / static_cast<long double>(n);
  return std::polar(1.0L, 2 * std::numbers::pi_v<long double> * turn);
}

ComplexTable turns(DType dtype, std::int64_t count, std::int64_t n, int sign) {
  return with_maker(dtype, [&](const auto& maker) { return maker.turns(count, n, sign); });
}

ComplexTable powers_of_turns(DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t n, int sign,
                             long double factor) {
  return with_maker(dtype, [&](const auto& maker) { return maker.powers_of_turns(rows, columns, n, sign, factor); });
}

ChirpTables chirp_tables(DType dtype, std::int64_t n, std::int64_t padded, int sign, long double factor) {
  return with_maker(dtype, [&](const auto& maker) { return maker.chirp_tables(n, padded, sign, factor); });
}

}  // namespace jaxc::compiler::lowering
