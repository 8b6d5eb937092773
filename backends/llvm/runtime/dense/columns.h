// Loops over columns of matrices in vectors of the processor; complex numbers lie in them as pairs.
#pragma once

#include <cstring>

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename T>
struct Lanes {
  using R = RealOf<T>;
  using Vector = VectorOf<R>;
  static constexpr int reals = vector_bytes / static_cast<int>(sizeof(R));
  static constexpr int numbers = vector_bytes / static_cast<int>(sizeof(T));

  [[gnu::always_inline]] static Vector load(const T* numbers) {
    Vector vector;
    std::memcpy(&vector, numbers, sizeof(Vector));
    return vector;
  }
  [[gnu::always_inline]] static void store(const Vector& vector, T* numbers) {
    std::memcpy(static_cast<void*>(numbers), &vector, sizeof(Vector));
  }
  /// Real and imaginary parts in each other's place.
  [[gnu::always_inline]] static Vector crossed(const Vector& vector) {
    return [&]<int... k>(std::integer_sequence<int, k...>) {
      return __builtin_shufflevector(vector, vector, (k ^ 1)...);
    }(std::make_integer_sequence<int, reals>{});
  }

  /// A number that vectors are multiplied by.
  struct Factor {
    Vector straight;
    Vector across;

    explicit Factor(const T& value) : straight(Vector{} + real_of(value)), across{} {
      if constexpr (is_complex_number<T>)
        for (int k = 0; k < reals; ++k) across[k] = k % 2 == 0 ? -value.imag() : value.imag();
    }
    [[gnu::always_inline]] void add_to(Vector& sum, const Vector& vector) const {
      sum += vector * straight;
      if constexpr (is_complex_number<T>) sum += crossed(vector) * across;
    }
  };

  /// The sum of products of two columns.
  struct Sum {
    Vector straight{};
    Vector across{};

    [[gnu::always_inline]] void add(const Vector& first, const Vector& second) {
      straight += first * second;
      if constexpr (is_complex_number<T>) across += first * crossed(second);
    }
    /// Of first times second, or of conj(first) times second.
    T total(bool conjugate) const {
      if constexpr (is_complex_number<T>) {
        const R even = half(straight, 0);
        const R odd = half(straight, 1);
        const R even_across = half(across, 0);
        const R odd_across = half(across, 1);
        return conjugate ? T{even + odd, even_across - odd_across} : T{even - odd, even_across + odd_across};
      } else {
        return half(straight, 0) + half(straight, 1);
      }
    }

   private:
    static R half(const Vector& vector, int first) {
      R sum = 0;
      for (int k = first; k < reals; k += 2) sum += vector[k];
      return sum;
    }
  };
};

/// target[i] += sum over k of matrix(i, k) factors[k], for `rows` rows of `count` columns that are `stride` apart.
template <int count, typename T>
void add_columns(std::int64_t rows, const T* matrix, std::int64_t stride, const T* factors, T* target) {
  using L = Lanes<T>;
  [&]<int... k>(std::integer_sequence<int, k...>) {
    const typename L::Factor factor[] = {typename L::Factor(factors[k])...};
    std::int64_t i = 0;
    for (; i + L::numbers <= rows; i += L::numbers) {
      typename L::Vector sum = L::load(target + i);
      (factor[k].add_to(sum, L::load(matrix + i + k * stride)), ...);
      L::store(sum, target + i);
    }
    for (; i < rows; ++i) ((target[i] += matrix[i + k * stride] * factors[k]), ...);
  }(std::make_integer_sequence<int, count>{});
}

/// sums[k] = sum over i of matrix(i, k) vector[i], or of conj(matrix(i, k)) vector[i].
template <int count, typename T>
void project_columns(bool conjugate, std::int64_t rows, const T* matrix, std::int64_t stride, const T* vector,
                     T* sums) {
  using L = Lanes<T>;
  [&]<int... k>(std::integer_sequence<int, k...>) {
    typename L::Sum sum[count];
    std::int64_t i = 0;
    for (; i + L::numbers <= rows; i += L::numbers) {
      const typename L::Vector second = L::load(vector + i);
      (sum[k].add(L::load(matrix + i + k * stride), second), ...);
    }
    ((sums[k] = sum[k].total(conjugate)), ...);
    for (; i < rows; ++i)
      ((sums[k] += (conjugate ? conjugate_of(matrix[i + k * stride]) : matrix[i + k * stride]) * vector[i]), ...);
  }(std::make_integer_sequence<int, count>{});
}

/// Both at once, the sums with conj(matrix), so that a matrix is read once.
template <int count, typename T>
void add_and_project_columns(std::int64_t rows, const T* matrix, std::int64_t stride, const T* factors, T* target,
                             const T* vector, T* sums) {
  using L = Lanes<T>;
  [&]<int... k>(std::integer_sequence<int, k...>) {
    const typename L::Factor factor[] = {typename L::Factor(factors[k])...};
    typename L::Sum sum[count];
    std::int64_t i = 0;
    for (; i + L::numbers <= rows; i += L::numbers) {
      typename L::Vector added = L::load(target + i);
      const typename L::Vector second = L::load(vector + i);
      const auto both = [&](const typename L::Vector& column, int number) {
        factor[number].add_to(added, column);
        sum[number].add(column, second);
      };
      (both(L::load(matrix + i + k * stride), k), ...);
      L::store(added, target + i);
    }
    ((sums[k] = sum[k].total(true)), ...);
    for (; i < rows; ++i) {
      ((target[i] += matrix[i + k * stride] * factors[k]), ...);
      ((sums[k] += conjugate_of(matrix[i + k * stride]) * vector[i]), ...);
    }
  }(std::make_integer_sequence<int, count>{});
}

/// Columns that are worked on at one time, so that their sums stay in registers.
template <typename T>
inline constexpr int columns_at_once = is_complex_number<T> ? 4 : 8;

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
