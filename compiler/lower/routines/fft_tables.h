// The constants of Fourier transforms: roots of unity, and the chirps of Bluestein's convolution.
#pragma once

#include <complex>
#include <cstdint>

#include "jaxc/array.h"

namespace jaxc::compiler::lowering {

/// exp(2 pi i number / n)
std::complex<long double> root_of_unity(std::int64_t number, std::int64_t n);

/// A table of complex numbers as two arrays of one shape. Numbers are computed in double precision for f32 and in
/// long double for f64, so that rounding to the table's type is their only error that shows.
struct ComplexTable {
  Array real;
  Array imaginary;
};

/// exp(sign 2 pi i k / n) for k below `count`.
ComplexTable turns(DType dtype, std::int64_t count, std::int64_t n, int sign);

/// factor exp(sign 2 pi i k p / n) at [k, p], for k below `rows` and p below `columns`.
ComplexTable powers_of_turns(DType dtype, std::int64_t rows, std::int64_t columns, std::int64_t n, int sign,
                             long double factor);

/// What Bluestein's convolution for length n multiplies by.
struct ChirpTables {
  ComplexTable chirp;     ///< c[k] = exp(sign pi i k^2 / n) for k below n
  ComplexTable spectrum;  ///< the transform of factor conj(c[|k|]) on a circle of `padded` elements, a power of two
};
ChirpTables chirp_tables(DType dtype, std::int64_t n, std::int64_t padded, int sign, long double factor);

}  // namespace jaxc::compiler::lowering
