// Singular values, eigenvalues, Schur's form and QR with pivoting of one item: what LAPACK takes and gives, whose
// matrices have their columns one after the other, from and to rows.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backends/llvm/runtime/lapack/functions.h"
#include "backends/llvm/runtime/lapack/lapack.h"
#include "ir/program.h"

namespace jaxc::cpu {

namespace {

using lapack::Functions;
using lapack::Int;
using Kind = ir::MatrixRoutine::Kind;

template <typename T>
struct RealPart {
  using Type = T;
};
template <typename R>
struct RealPart<std::complex<R>> {
  using Type = R;
};

constexpr Int as_int(std::int64_t value) {
  return static_cast<Int>(value);
}

// Memory from its beginning on, in whole lines of the cache.
class Memory {
 public:
  Memory(void* memory, std::int64_t bytes) : begin_(static_cast<std::byte*>(memory)), bytes_(bytes) {}

  template <typename T>
  T* take(std::int64_t count) {
    const std::int64_t bytes = (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
    std::byte* const taken = begin_;
    begin_ += bytes;
    bytes_ -= bytes;
    return reinterpret_cast<T*>(taken);
  }
  BlasWork rest(const DenseTeam& team) const { return {team, begin_, bytes_}; }

 private:
  std::byte* begin_;
  std::int64_t bytes_;
};

template <typename T>
bool is_finite(const T* numbers, std::int64_t count) {
  using R = typename RealPart<T>::Type;
  const auto* const reals = reinterpret_cast<const R*>(numbers);
  bool finite = true;
  for (std::int64_t k = 0; k < (std::is_same_v<T, R> ? count : 2 * count); ++k)
    finite = finite && std::abs(reals[k]) <= std::numeric_limits<R>::max();
  return finite;
}

// target[j, i] = change(source[i, j]), of rows that follow each other.
template <typename T, typename S, typename Change>
void transpose(const S* source, std::int64_t rows, std::int64_t columns, T* target, const Change& change) {
  constexpr std::int64_t square = 16;
  for (std::int64_t top = 0; top < rows; top += square)
    for (std::int64_t left = 0; left < columns; left += square)
      for (std::int64_t i = top; i < std::min(top + square, rows); ++i)
        for (std::int64_t j = left; j < std::min(left + square, columns); ++j)
          target[j * rows + i] = change(source[i * columns + j]);
}
template <typename T>
void transpose(const T* source, std::int64_t rows, std::int64_t columns, T* target) {
  transpose(source, rows, columns, target, [](const T& value) { return value; });
}

// One item of a routine on numbers of type T.
template <typename T>
class Decomposition {
 public:
  using R = typename RealPart<T>::Type;
  static constexpr bool is_complex = !std::is_same_v<T, R>;

  Decomposition(const MatrixRequest& request, const MatrixItem& item, const BlasTable& table, const DenseTeam& team)
      : request_(request),
        item_(item),
        table_(table),
        team_(team),
        memory_(item.memory, item.bytes),
        rows_(request.rows),
        columns_(request.columns),
        given_(static_cast<const T*>(item.inputs[0])) {}

  /// Whether there are results.
  bool run() {
    switch (static_cast<Kind>(request_.kind)) {
      case Kind::svd:
        return is_finite(given_, rows_ * columns_) && svd() == 0;
      case Kind::eigh:
        return eigh() == 0;
      case Kind::eig:
        return is_finite(given_, rows_ * columns_) && eig() == 0;
      case Kind::schur:
        return is_finite(given_, rows_ * columns_) && schur() == 0;
      default:
        return pivoted_qr() == 0;
    }
  }

 private:
  // What a call of LAPACK works in; the rest of the memory is the BLAS's. There are as many numbers as
  // compiler/plan/cpu_matrices plans.
  template <typename Call>
  Int call(std::int64_t numbers, std::int64_t reals, std::int64_t integers, const Call& call) {
    T* const number_memory = memory_.take<T>(numbers);
    R* const real_memory = memory_.take<R>(reals);
    Int* const integer_memory = memory_.take<Int>(integers);
    const BlasWork work = memory_.rest(team_);
    const LapackScope scope(table_, work);
    return call(number_memory, real_memory, integer_memory);
  }

  // The transpose's columns are the matrix's rows: its left vectors are the matrix's right ones.
  Int svd() {
    const std::int64_t least = std::min(rows_, columns_);
    const bool vectors = item_.outputs[1] != nullptr;
    const bool all = vectors && (request_.result_columns != request_.count || request_.result_rows != request_.count);
    const bool some = request_.count < least;
    const std::int64_t right_rows = all ? rows_ : least;
    T* const matrix = memory_.take<T>(rows_ * columns_);
    std::copy(given_, given_ + rows_ * columns_, matrix);
    R* const values = some ? memory_.take<R>(least) : static_cast<R*>(item_.outputs[0]);
    T* const right = some ? memory_.take<T>(rows_ * least) : static_cast<T*>(item_.outputs[1]);
    T* const left = some ? memory_.take<T>(columns_ * least) : static_cast<T*>(item_.outputs[2]);
    const std::int64_t numbers = 5 * least * least + 100 * (rows_ + columns_) + 1000;
    const std::int64_t reals = is_complex ? 2 * rows_ * columns_ + 5 * least * least + 100 * (rows_ + columns_) : 0;
    const Int info = call(numbers, reals, 8 * least, [&](T* work, [[maybe_unused]] R* real_work, Int* integers) {
      const char* const job = !vectors ? "N" : all ? "A" : "S";
      const Int m = as_int(columns_);
      const Int n = as_int(rows_);
      const Int stride = as_int(right_rows);
      const Int count = as_int(numbers);
      Int result = 0;
      if constexpr (is_complex)
        Functions<T>::gesdd(job, &m, &n, matrix, &m, values, left, &m, right, &stride, work, &count, real_work,
                            integers, &result, 1);
      else
        Functions<T>::gesdd(job, &m, &n, matrix, &m, values, left, &m, right, &stride, work, &count, integers, &result,
                            1);
      return result;
    });
    if (!some || info != 0) return info;
    std::copy_n(values + request_.first, request_.count, static_cast<R*>(item_.outputs[0]));
    if (!vectors) return info;
    for (std::int64_t i = 0; i < rows_; ++i)
      std::copy_n(right + i * least + request_.first, request_.count,
                  static_cast<T*>(item_.outputs[1]) + i * request_.count);
    std::copy_n(left + request_.first * columns_, request_.count * columns_, static_cast<T*>(item_.outputs[2]));
    return info;
  }

  Int eigh() {
    const std::int64_t n = rows_;
    T* const matrix = memory_.take<T>(n * n);
    R* const values = memory_.take<R>(n);
    const bool lower = request_.lower != 0;
    // The transpose's other triangle: of the conjugate matrix, whose vectors are conjugate.
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const bool inside = lower ? j <= i : i <= j;
        matrix[i * n + j] = !inside ? T{} : i == j ? T{std::real(given_[i * n + j])} : given_[i * n + j];
      }
    if (!is_finite(matrix, n * n)) return 1;
    const std::int64_t numbers = is_complex ? n * n + 100 * n + 100 : 2 * n * n + 100 * n + 100;
    const std::int64_t reals = is_complex ? 2 * n * n + 5 * n + 10 : 0;
    const std::int64_t integers = 5 * n + 10;
    const Int info = call(numbers, reals, integers, [&](T* work, [[maybe_unused]] R* real_work, Int* integer_work) {
      const char* const triangle = lower ? "U" : "L";
      const Int order = as_int(n);
      const Int count = as_int(numbers);
      [[maybe_unused]] const Int real_count = as_int(reals);
      const Int integer_count = as_int(integers);
      Int result = 0;
      if constexpr (is_complex)
        Functions<T>::heevd("V", triangle, &order, matrix, &order, values, work, &count, real_work, &real_count,
                            integer_work, &integer_count, &result, 1, 1);
      else
        Functions<T>::heevd("V", triangle, &order, matrix, &order, values, work, &count, integer_work, &integer_count,
                            &result, 1, 1);
      return result;
    });
    if (info != 0) return info;
    transpose(matrix + request_.first * n, request_.count, n, static_cast<T*>(item_.outputs[0]), [](const T& value) {
      if constexpr (is_complex)
        return std::conj(value);
      else
        return value;
    });
    std::copy_n(values + request_.first, request_.count, static_cast<R*>(item_.outputs[1]));
    return info;
  }

  Int eig() {
    using Complex = std::complex<R>;
    const std::int64_t n = rows_;
    const bool left = request_.left != 0;
    auto* const values = static_cast<Complex*>(item_.outputs[0]);
    auto* const left_result = left ? static_cast<Complex*>(item_.outputs[1]) : nullptr;
    auto* const right_result = static_cast<Complex*>(item_.outputs[left ? 2 : 1]);
    T* const matrix = memory_.take<T>(n * n);
    transpose(given_, n, n, matrix);
    T* const left_vectors = memory_.take<T>(n * n);
    T* const right_vectors = memory_.take<T>(n * n);
    R* const real_parts = memory_.take<R>(n);
    R* const imaginary_parts = memory_.take<R>(n);
    const std::int64_t numbers = 300 * n + 300;
    const Int info = call(numbers, 2 * n, 0, [&](T* work, [[maybe_unused]] R* real_work, Int* /*integers*/) {
      const char* const left_job = left_result != nullptr ? "V" : "N";
      const char* const right_job = right_result != nullptr ? "V" : "N";
      const Int order = as_int(n);
      const Int count = as_int(numbers);
      Int result = 0;
      if constexpr (is_complex)
        Functions<T>::geev(left_job, right_job, &order, matrix, &order, values, left_vectors, &order, right_vectors,
                           &order, work, &count, real_work, &result, 1, 1);
      else
        Functions<T>::geev(left_job, right_job, &order, matrix, &order, real_parts, imaginary_parts, left_vectors,
                           &order, right_vectors, &order, work, &count, &result, 1, 1);
      return result;
    });
    if (info != 0) return info;
    if constexpr (!is_complex)
      for (std::int64_t k = 0; k < n; ++k) values[k] = {real_parts[k], imaginary_parts[k]};
    if (left_result != nullptr) put_vectors(left_vectors, imaginary_parts, left_result);
    if (right_result != nullptr) put_vectors(right_vectors, imaginary_parts, right_result);
    return info;
  }

  // Of real matrices, the parts of the first of two conjugate vectors stand for both.
  void put_vectors(const T* vectors, const R* imaginary_parts, std::complex<R>* result) const {
    const std::int64_t n = rows_;
    if constexpr (is_complex) {
      transpose(vectors, n, n, result);
    } else {
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < n; ++k) {
          const bool first = imaginary_parts[k] > 0;
          const bool second = imaginary_parts[k] < 0;
          const R real = vectors[(second ? k - 1 : k) * n + i];
          const R imaginary = first ? vectors[(k + 1) * n + i] : second ? -vectors[k * n + i] : R{0};
          result[i * n + k] = {real, imaginary};
        }
    }
  }

  Int schur() {
    const std::int64_t n = rows_;
    T* const matrix = memory_.take<T>(n * n);
    transpose(given_, n, n, matrix);
    T* const vectors = memory_.take<T>(n * n);
    T* const values = memory_.take<T>(2 * n);  // or real and imaginary parts
    auto* const result = static_cast<T*>(item_.outputs[1]);
    const std::int64_t numbers = 300 * n + 300;
    const Int info = call(numbers, 2 * n, 0, [&](T* work, [[maybe_unused]] R* real_work, Int* /*integers*/) {
      const char* const job = result != nullptr ? "V" : "N";
      const Int order = as_int(n);
      const Int count = as_int(numbers);
      Int sorted = 0;
      Int status = 0;
      if constexpr (is_complex)
        Functions<T>::gees(job, "N", nullptr, &order, matrix, &order, &sorted, values, vectors, &order, work, &count,
                           real_work, nullptr, &status, 1, 1);
      else
        Functions<T>::gees(job, "N", nullptr, &order, matrix, &order, &sorted, values, values + n, vectors, &order,
                           work, &count, nullptr, &status, 1, 1);
      return status;
    });
    if (info != 0) return info;
    transpose(matrix, n, n, static_cast<T*>(item_.outputs[0]));
    if (result != nullptr) transpose(vectors, n, n, result);
    return info;
  }

  Int pivoted_qr() {
    const std::int64_t least = std::min(rows_, columns_);
    const std::int64_t kept = request_.result_columns;
    T* const matrix = memory_.take<T>(rows_ * std::max(columns_, kept));
    transpose(given_, rows_, columns_, matrix);
    T* const scales = memory_.take<T>(least);
    auto* const order = static_cast<Int*>(item_.outputs[2]);
    std::fill_n(order, columns_, 0);  // any column may come first
    const std::int64_t numbers = 100 * (rows_ + columns_) + 100;
    return call(numbers, 2 * columns_, 0, [&](T* work, [[maybe_unused]] R* real_work, Int* /*integers*/) {
      const Int m = as_int(rows_);
      const Int n = as_int(columns_);
      const Int count = as_int(numbers);
      Int info = 0;
      if constexpr (is_complex)
        Functions<T>::geqp3(&m, &n, matrix, &m, order, scales, work, &count, real_work, &info);
      else
        Functions<T>::geqp3(&m, &n, matrix, &m, order, scales, work, &count, &info);
      for (std::int64_t k = 0; k < columns_; ++k) --order[k];
      auto* const upper = static_cast<T*>(item_.outputs[1]);
      for (std::int64_t i = 0; i < kept; ++i)
        for (std::int64_t j = 0; j < columns_; ++j)
          upper[i * columns_ + j] = i <= j && i < least ? matrix[i + j * rows_] : T{};
      const Int wide = as_int(kept);
      const Int reflections = as_int(least);
      if (info == 0) Functions<T>::ungqr(&m, &wide, &reflections, matrix, &m, scales, work, &count, &info);
      transpose(matrix, kept, rows_, static_cast<T*>(item_.outputs[0]));
      return info;
    });
  }

  const MatrixRequest& request_;
  const MatrixItem& item_;
  const BlasTable& table_;
  const DenseTeam& team_;
  Memory memory_;
  const std::int64_t rows_;
  const std::int64_t columns_;
  const T* const given_;
};

template <typename T>
void run(const MatrixRequest& request, const MatrixItem& item, const BlasTable& table, const DenseTeam& team) {
  using R = typename RealPart<T>::Type;
  if (Decomposition<T>(request, item, table, team).run()) return;
  for (std::size_t k = 0; k < item.outputs.size(); ++k)
    if (item.outputs[k] != nullptr)
      std::fill_n(static_cast<R*>(item.outputs[k]), request.output_bytes[k] / static_cast<std::int64_t>(sizeof(R)),
                  std::numeric_limits<R>::quiet_NaN());
}

}  // namespace

bool is_lapack_routine(const MatrixRequest& request) {
  switch (static_cast<Kind>(request.kind)) {
    case Kind::svd:
    case Kind::eigh:
    case Kind::eig:
    case Kind::schur:
    case Kind::pivoted_qr:
      return true;
    default:
      return false;
  }
}

void lapack_routine(const MatrixRequest& request, const MatrixItem& item, const BlasTable& table,
                    const DenseTeam& team) {
  switch (static_cast<DType>(request.dtype)) {
    case DType::f32:
      return run<float>(request, item, table, team);
    case DType::f64:
      return run<double>(request, item, table, team);
    case DType::c64:
      return run<std::complex<float>>(request, item, table, team);
    case DType::c128:
      return run<std::complex<double>>(request, item, table, team);
    default:
      return;
  }
}

}  // namespace jaxc::cpu
