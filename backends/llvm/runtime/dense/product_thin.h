// Products of few rows, such as a vector times a matrix: the right factor is larger than all else, and read once, where
// it lies, in long pieces of several of its rows.
#pragma once

#include "backends/llvm/runtime/dense/product_result.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename R>
class ThinProduct {
 public:
  /// Whether there are few rows, and many columns that lie side by side in the right factor and in the result.
  static bool takes(const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result) {
    const auto is_line = [](const Side& side) { return side.axis_count == 1; };
    return result.rows.count <= most_rows && result.columns.count >= piece && left.bounds + right.bounds == 0 &&
           is_line(left.rows) && is_line(left.columns) && is_line(right.rows) && is_line(right.columns) &&
           is_line(result.rows) && is_line(result.columns) && right.columns.last().step.address == 1 &&
           result.columns.last().step.address == 1;
  }

  /// With `negate`, the product's sign changes.
  ThinProduct(const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result, bool negate)
      : left_{start(left), stride(left.rows), stride(left.columns)},
        right_{start(right), stride(right.rows), 1},
        result_{start(result), stride(result.rows), 1},
        rows_(result.rows.count),
        columns_(result.columns.count),
        folded_(left.columns.count),
        sign_(negate ? -1 : 1) {}

  /// Parts are pieces of the columns, for any number of threads.
  void run(const DenseTeam& team, bool add) const {
    in_runs(team, columns_, piece,
            [&](std::int64_t first, std::int64_t count) { functions[rows_ - 1](*this, first, count, add); });
  }

 private:
  static constexpr int most_rows = 8;
  static constexpr std::int64_t piece = 2048 / static_cast<std::int64_t>(sizeof(R));  ///< columns; half a page
  static constexpr int steps = 8;  ///< rows of the right factor that are read together
  static constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(R));
  using Vector = VectorOf<R>;
  using Loose [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(R)), gnu::may_alias]] = R;

  /// Element (i, j) is data[i * row_step + j * column_step].
  template <typename T>
  struct Lines {
    T* data;
    std::int64_t row_step;
    std::int64_t column_step;
  };

  template <typename T>
  static T* start(const Operand<T>& operand) {
    return operand.data + Walk(operand.rows, 0).place().address + Walk(operand.columns, 0).place().address;
  }
  static std::int64_t stride(const Side& side) { return side.last().step.address; }

  template <int rows>
  static void multiply(const ThinProduct& product, std::int64_t first, std::int64_t count, bool add) {
    alignas(vector_bytes) R sums[rows][piece];
    for (auto& row : sums) std::fill(row, row + piece, R{});
    std::int64_t k = 0;
    for (; k + steps <= product.folded_; k += steps) product.fold<rows, steps>(k, first, count, sums);
    for (; k < product.folded_; ++k) product.fold<rows, 1>(k, first, count, sums);
    for (int i = 0; i < rows; ++i) {
      R* const target = product.result_.data + i * product.result_.row_step + first;
      for (std::int64_t j = 0; j < count; ++j) target[j] = product.sign_ * sums[i][j] + (add ? target[j] : R{});
    }
  }

  // Adds the products of `length` columns of the left factor and as many rows of the right one.
  template <int rows, int length>
  void fold(std::int64_t k, std::int64_t first, std::int64_t count, R (&sums)[rows][piece]) const {
    R factors[rows][length];
    for (int i = 0; i < rows; ++i)
      for (int step = 0; step < length; ++step)
        factors[i][step] = left_.data[i * left_.row_step + (k + step) * left_.column_step];
    const R* const right = right_.data + k * right_.row_step + first;
    std::int64_t j = 0;
    for (; j + lanes <= count; j += lanes) {
      Vector elements[length];
      unrolled<length>([&](auto step) __attribute__((always_inline)) {
        const R* const element = right + step * right_.row_step + j;
        __builtin_prefetch(element + length * right_.row_step);
        elements[step] = *reinterpret_cast<const Loose*>(element);
      });
      unrolled<rows>([&](auto i) __attribute__((always_inline)) {
        auto* const sum = reinterpret_cast<Vector*>(sums[i] + j);
        Vector total = *sum;
        unrolled<length>([&](auto step) __attribute__((always_inline)) {
          total = (factors[i][step] - Vector{}) * elements[step] + total;
        });
        *sum = total;
      });
    }
    for (; j < count; ++j)
      for (int i = 0; i < rows; ++i)
        for (int step = 0; step < length; ++step)
          sums[i][j] = factors[i][step] * right[step * right_.row_step + j] + sums[i][j];
  }

  using Function = void (*)(const ThinProduct& product, std::int64_t first, std::int64_t count, bool add);
  static constexpr Function functions[most_rows] = {multiply<1>, multiply<2>, multiply<3>, multiply<4>,
                                                    multiply<5>, multiply<6>, multiply<7>, multiply<8>};

  Lines<const R> left_;
  Lines<const R> right_;
  Lines<R> result_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t folded_;
  R sign_;
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
