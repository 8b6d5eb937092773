// The symbols that LAPACK calls: it finds its BLAS, by the names of Fortran's that the build begins with jaxc_.
#include <cstring>
#include <utility>

#include "backends/llvm/runtime/lapack/lapack.h"

namespace jaxc::cpu {

namespace {

using Int = std::int32_t;  // Fortran's integer

// LAPACK hands nothing on to its BLAS, so that the thread says what it works on.
thread_local constinit const LapackScope* current = nullptr;

template <typename T>
const auto& blas() {
  return current->table().of<T>();
}
const BlasWork& work() {
  return current->work();
}

template <typename T>
BlasVector<T> vector(const Int* count, T* data, const Int* stride) {
  const std::int64_t n = *count;
  return {*stride < 0 && n > 0 ? data - (n - 1) * *stride : data, n, *stride};
}
template <typename T>
BlasMatrix<T> matrix(Int rows, Int columns, T* data, const Int* stride) {
  return {data, rows, columns, *stride};
}
BlasForm form(const char* name) {
  return *name == 'N' || *name == 'n'   ? BlasForm::plain
         : *name == 'T' || *name == 't' ? BlasForm::transposed
                                        : BlasForm::adjoint;
}
bool is(const char* name, char letter) {
  return *name == letter || *name == letter + ('a' - 'A');
}
template <typename T>
BlasTriangle<T> triangle(const char* lower, const char* trans, const char* unit, const Int* n, const T* data,
                         const Int* stride) {
  return {matrix(*n, *n, data, stride), is(lower, 'L'), is(unit, 'U'), form(trans)};
}
// The rows and columns of an operand, as it lies.
std::pair<Int, Int> laid(const char* trans, const Int* rows, const Int* columns) {
  return form(trans) == BlasForm::plain ? std::pair{*rows, *columns} : std::pair{*columns, *rows};
}

template <typename T>
void gemm(const char* ta, const char* tb, const Int* m, const Int* n, const Int* k, const T* alpha, const T* a,
          const Int* lda, const T* b, const Int* ldb, const T* beta, T* c, const Int* ldc) {
  const auto [a_rows, a_columns] = laid(ta, m, k);
  const auto [b_rows, b_columns] = laid(tb, k, n);
  blas<T>().gemm(work(), form(ta), matrix(a_rows, a_columns, a, lda), form(tb), matrix(b_rows, b_columns, b, ldb),
                 *alpha, *beta, matrix(*m, *n, c, ldc));
}

template <typename T>
void gemv(const char* trans, const Int* m, const Int* n, const T* alpha, const T* a, const Int* lda, const T* x,
          const Int* incx, const T* beta, T* y, const Int* incy) {
  const bool plain = form(trans) == BlasForm::plain;
  blas<T>().gemv(work(), form(trans), matrix(*m, *n, a, lda), vector(plain ? n : m, x, incx), *alpha, *beta,
                 vector(plain ? m : n, y, incy));
}

template <typename T, typename R>
void her2k(const char* lower, const char* trans, const Int* n, const Int* k, const T* alpha, const T* a, const Int* lda,
           const T* b, const Int* ldb, const R* beta, T* c, const Int* ldc) {
  const auto [rows, columns] = laid(trans, n, k);
  blas<T>().her2k(work(), is(lower, 'L'), form(trans), matrix(rows, columns, a, lda), matrix(rows, columns, b, ldb),
                  *alpha, *beta, matrix(*n, *n, c, ldc));
}

// A complex number as C returns it.
template <typename R>
struct Parts {
  R real;
  R imaginary;
};
template struct Parts<float>;
template struct Parts<double>;
template <typename R>
Parts<R> parts(const std::complex<R>& value) {
  return {value.real(), value.imag()};
}

}  // namespace

LapackScope::LapackScope(const BlasTable& table, const BlasWork& work) : table_(table), work_(work), outer_(current) {
  current = this;
}

LapackScope::~LapackScope() {
  current = outer_;
}

extern "C" {

// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)
#define JAXC_EACH_TYPE(p, T, R, ip, rp, ger_name, hemv_name, her2_name, her2k_name, rot_name)                          \
  void jaxc_##p##gemm_(const char* ta, const char* tb, const Int* m, const Int* n, const Int* k, const T* alpha,       \
                       const T* a, const Int* lda, const T* b, const Int* ldb, const T* beta, T* c, const Int* ldc) {  \
    gemm<T>(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                                     \
  }                                                                                                                    \
  void jaxc_##p##gemv_(const char* trans, const Int* m, const Int* n, const T* alpha, const T* a, const Int* lda,      \
                       const T* x, const Int* incx, const T* beta, T* y, const Int* incy) {                            \
    gemv<T>(trans, m, n, alpha, a, lda, x, incx, beta, y, incy);                                                       \
  }                                                                                                                    \
  void jaxc_##p##ger_name##_(const Int* m, const Int* n, const T* alpha, const T* x, const Int* incx, const T* y,      \
                             const Int* incy, T* a, const Int* lda) {                                                  \
    blas<T>().ger(work(), vector(m, x, incx), vector(n, y, incy), *alpha, matrix(*m, *n, a, lda));                     \
  }                                                                                                                    \
  void jaxc_##p##hemv_name##_(const char* lower, const Int* n, const T* alpha, const T* a, const Int* lda, const T* x, \
                              const Int* incx, const T* beta, T* y, const Int* incy) {                                 \
    blas<T>().hemv(work(), is(lower, 'L'), matrix(*n, *n, a, lda), vector(n, x, incx), *alpha, *beta,                  \
                   vector(n, y, incy));                                                                                \
  }                                                                                                                    \
  void jaxc_##p##her2_name##_(const char* lower, const Int* n, const T* alpha, const T* x, const Int* incx,            \
                              const T* y, const Int* incy, T* a, const Int* lda) {                                     \
    blas<T>().her2(is(lower, 'L'), vector(n, x, incx), vector(n, y, incy), *alpha, matrix(*n, *n, a, lda));            \
  }                                                                                                                    \
  void jaxc_##p##her2k_name##_(const char* lower, const char* trans, const Int* n, const Int* k, const T* alpha,       \
                               const T* a, const Int* lda, const T* b, const Int* ldb, const R* beta, T* c,            \
                               const Int* ldc) {                                                                       \
    her2k<T, R>(lower, trans, n, k, alpha, a, lda, b, ldb, beta, c, ldc);                                              \
  }                                                                                                                    \
  void jaxc_##p##trmm_(const char* side, const char* lower, const char* trans, const char* unit, const Int* m,         \
                       const Int* n, const T* alpha, const T* a, const Int* lda, T* b, const Int* ldb) {               \
    const bool left = is(side, 'L');                                                                                   \
    blas<T>().trmm(work(), left, triangle(lower, trans, unit, left ? m : n, a, lda), *alpha, matrix(*m, *n, b, ldb));  \
  }                                                                                                                    \
  void jaxc_##p##trmv_(const char* lower, const char* trans, const char* unit, const Int* n, const T* a,               \
                       const Int* lda, T* x, const Int* incx) {                                                        \
    blas<T>().trmv(triangle(lower, trans, unit, n, a, lda), vector(n, x, incx));                                       \
  }                                                                                                                    \
  void jaxc_##p##trsv_(const char* lower, const char* trans, const char* unit, const Int* n, const T* a,               \
                       const Int* lda, T* x, const Int* incx) {                                                        \
    blas<T>().trsv(triangle(lower, trans, unit, n, a, lda), vector(n, x, incx));                                       \
  }                                                                                                                    \
  void jaxc_##p##axpy_(const Int* n, const T* alpha, const T* x, const Int* incx, T* y, const Int* incy) {             \
    blas<T>().axpy(*alpha, vector(n, x, incx), vector(n, y, incy));                                                    \
  }                                                                                                                    \
  void jaxc_##p##copy_(const Int* n, const T* x, const Int* incx, T* y, const Int* incy) {                             \
    blas<T>().copy(vector(n, x, incx), vector(n, y, incy));                                                            \
  }                                                                                                                    \
  void jaxc_##p##swap_(const Int* n, T* x, const Int* incx, T* y, const Int* incy) {                                   \
    blas<T>().swap(vector(n, x, incx), vector(n, y, incy));                                                            \
  }                                                                                                                    \
  void jaxc_##p##scal_(const Int* n, const T* alpha, T* x, const Int* incx) {                                          \
    blas<T>().scal(*alpha, vector(n, x, incx));                                                                        \
  }                                                                                                                    \
  void jaxc_##rot_name##_(const Int* n, T* x, const Int* incx, T* y, const Int* incy, const R* c, const R* s) {        \
    blas<T>().rot(vector(n, x, incx), vector(n, y, incy), *c, *s);                                                     \
  }                                                                                                                    \
  R jaxc_##rp##nrm2_(const Int* n, const T* x, const Int* incx) {                                                      \
    return blas<T>().nrm2(vector(n, x, incx));                                                                         \
  }                                                                                                                    \
  R jaxc_##rp##asum_(const Int* n, const T* x, const Int* incx) {                                                      \
    return blas<T>().asum(vector(n, x, incx));                                                                         \
  }                                                                                                                    \
  Int jaxc_##ip##amax_(const Int* n, const T* x, const Int* incx) {                                                    \
    return *n < 1 ? 0 : static_cast<Int>(blas<T>().iamax(vector(n, x, incx)) + 1);                                     \
  }
#define JAXC_EACH_REAL_TYPE(p, R)                                                            \
  R jaxc_##p##dot_(const Int* n, const R* x, const Int* incx, const R* y, const Int* incy) { \
    return blas<R>().dot(false, vector(n, x, incx), vector(n, y, incy));                     \
  }
#define JAXC_EACH_COMPLEX_TYPE(p, sp, T, R)                                                          \
  Parts<R> jaxc_##p##dotu_(const Int* n, const T* x, const Int* incx, const T* y, const Int* incy) { \
    return parts<R>(blas<T>().dot(false, vector(n, x, incx), vector(n, y, incy)));                   \
  }                                                                                                  \
  Parts<R> jaxc_##p##dotc_(const Int* n, const T* x, const Int* incx, const T* y, const Int* incy) { \
    return parts<R>(blas<T>().dot(true, vector(n, x, incx), vector(n, y, incy)));                    \
  }                                                                                                  \
  void jaxc_##sp##scal_(const Int* n, const R* alpha, T* x, const Int* incx) {                       \
    blas<T>().scal(T{*alpha}, vector(n, x, incx));                                                   \
  }

JAXC_EACH_TYPE(s, float, float, is, s, ger, symv, syr2, syr2k, srot)
JAXC_EACH_TYPE(d, double, double, id, d, ger, symv, syr2, syr2k, drot)
JAXC_EACH_TYPE(c, std::complex<float>, float, ic, sc, gerc, hemv, her2, her2k, csrot)
JAXC_EACH_TYPE(z, std::complex<double>, double, iz, dz, gerc, hemv, her2, her2k, zdrot)
JAXC_EACH_REAL_TYPE(s, float)
JAXC_EACH_REAL_TYPE(d, double)
JAXC_EACH_COMPLEX_TYPE(c, cs, std::complex<float>, float)
JAXC_EACH_COMPLEX_TYPE(z, zd, std::complex<double>, double)

// LAPACK reports a wrong argument here before it returns its number, which the caller looks at.
void jaxc_xerbla_(const char* /*name*/, const Int* /*argument*/, std::size_t /*length*/) {}

// Fortran's a // b.
void jaxc_concat_string_(std::size_t length, char* target, std::size_t first_length, const char* first,
                         std::size_t second_length, const char* second) {
  std::memset(target, ' ', length);
  first_length = first_length < length ? first_length : length;
  second_length = second_length < length - first_length ? second_length : length - first_length;
  std::memcpy(target, first, first_length);
  std::memcpy(target + first_length, second, second_length);
}
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)
}

}  // namespace jaxc::cpu
