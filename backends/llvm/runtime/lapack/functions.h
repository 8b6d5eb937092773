// LAPACK's drivers by type. Matrices have their columns one after the other; `Size` is the length of a string.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

namespace jaxc::cpu::lapack {

using Int = std::int32_t;  ///< Fortran's integer
using Size = std::size_t;

template <typename T>
struct Functions;

#define JAXC_REAL_FUNCTIONS(p, R)                                                                                    \
  extern "C" {                                                                                                       \
  void jaxc_##p##gesdd_(const char*, const Int*, const Int*, R*, const Int*, R*, R*, const Int*, R*, const Int*, R*, \
                        const Int*, Int*, Int*, Size);                                                               \
  void jaxc_##p##syevd_(const char*, const char*, const Int*, R*, const Int*, R*, R*, const Int*, Int*, const Int*,  \
                        Int*, Size, Size);                                                                           \
  void jaxc_##p##geev_(const char*, const char*, const Int*, R*, const Int*, R*, R*, R*, const Int*, R*, const Int*, \
                       R*, const Int*, Int*, Size, Size);                                                            \
  void jaxc_##p##gees_(const char*, const char*, const void*, const Int*, R*, const Int*, Int*, R*, R*, R*,          \
                       const Int*, R*, const Int*, Int*, Int*, Size, Size);                                          \
  void jaxc_##p##geqp3_(const Int*, const Int*, R*, const Int*, Int*, R*, R*, const Int*, Int*);                     \
  void jaxc_##p##orgqr_(const Int*, const Int*, const Int*, R*, const Int*, const R*, R*, const Int*, Int*);         \
  }                                                                                                                  \
  template <>                                                                                                        \
  struct Functions<R> {                                                                                              \
    static constexpr auto gesdd = jaxc_##p##gesdd_;                                                                  \
    static constexpr auto heevd = jaxc_##p##syevd_;                                                                  \
    static constexpr auto geev = jaxc_##p##geev_;                                                                    \
    static constexpr auto gees = jaxc_##p##gees_;                                                                    \
    static constexpr auto geqp3 = jaxc_##p##geqp3_;                                                                  \
    static constexpr auto ungqr = jaxc_##p##orgqr_;                                                                  \
  };
#define JAXC_COMPLEX_FUNCTIONS(p, T, R)                                                                              \
  extern "C" {                                                                                                       \
  void jaxc_##p##gesdd_(const char*, const Int*, const Int*, T*, const Int*, R*, T*, const Int*, T*, const Int*, T*, \
                        const Int*, R*, Int*, Int*, Size);                                                           \
  void jaxc_##p##heevd_(const char*, const char*, const Int*, T*, const Int*, R*, T*, const Int*, R*, const Int*,    \
                        Int*, const Int*, Int*, Size, Size);                                                         \
  void jaxc_##p##geev_(const char*, const char*, const Int*, T*, const Int*, T*, T*, const Int*, T*, const Int*, T*, \
                       const Int*, R*, Int*, Size, Size);                                                            \
  void jaxc_##p##gees_(const char*, const char*, const void*, const Int*, T*, const Int*, Int*, T*, T*, const Int*,  \
                       T*, const Int*, R*, Int*, Int*, Size, Size);                                                  \
  void jaxc_##p##geqp3_(const Int*, const Int*, T*, const Int*, Int*, T*, T*, const Int*, R*, Int*);                 \
  void jaxc_##p##ungqr_(const Int*, const Int*, const Int*, T*, const Int*, const T*, T*, const Int*, Int*);         \
  }                                                                                                                  \
  template <>                                                                                                        \
  struct Functions<T> {                                                                                              \
    static constexpr auto gesdd = jaxc_##p##gesdd_;                                                                  \
    static constexpr auto heevd = jaxc_##p##heevd_;                                                                  \
    static constexpr auto geev = jaxc_##p##geev_;                                                                    \
    static constexpr auto gees = jaxc_##p##gees_;                                                                    \
    static constexpr auto geqp3 = jaxc_##p##geqp3_;                                                                  \
    static constexpr auto ungqr = jaxc_##p##ungqr_;                                                                  \
  };
// NOLINTBEGIN(readability-identifier-naming)
JAXC_REAL_FUNCTIONS(s, float)
JAXC_REAL_FUNCTIONS(d, double)
JAXC_COMPLEX_FUNCTIONS(c, std::complex<float>, float)
JAXC_COMPLEX_FUNCTIONS(z, std::complex<double>, double)
// NOLINTEND(readability-identifier-naming)
#undef JAXC_REAL_FUNCTIONS
#undef JAXC_COMPLEX_FUNCTIONS

}  // namespace jaxc::cpu::lapack
