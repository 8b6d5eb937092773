// Products of few rows, such as a vector times a matrix: the right factor is larger than all else, and read once, where
// it lies, several of its rows at a time.
#pragma once

#include "backends/llvm/runtime/dense/product_result.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

template <typename R>
class ThinProduct {
 public:
  /// Whether there are few rows, and many columns that lie side by side in the right factor and in the result.
  static bool takes(const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result) {
    const auto is_line = [](const Side& side) { return side.axis_count == 1; };
    return result.rows.count <= most_rows && result.columns.count >= fewest_columns &&
           left.bounds + right.bounds == 0 && is_line(left.rows) && is_line(left.columns) && is_line(right.rows) &&
           is_line(right.columns) && is_line(result.rows) && is_line(result.columns) &&
           right.columns.last().step.address == 1 && result.columns.last().step.address == 1;
  }

  /// With `negate`, the product's sign changes. `memory` holds most_bytes.
  ThinProduct(const Operand<const R>& left, const Operand<const R>& right, const Operand<R>& result, bool negate,
              void* memory)
      : left_{start(left), stride(left.rows), stride(left.columns)},
        right_{start(right), stride(right.rows), 1},
        result_{start(result), stride(result.rows), 1},
        rows_(result.rows.count),
        columns_(result.columns.count),
        folded_(left.columns.count),
        sign_(negate ? -1 : 1),
        parts_(static_cast<R*>(memory)) {}

  static constexpr std::int64_t most_bytes = std::int64_t{1} << 18;

  /// Parts are pieces of the columns, and runs of folded positions, whose sums are added in order; for any number of
  /// threads.
  void run(const DenseTeam& team, bool add) const {
    in_parts(team, across_ * down_, [&](std::int64_t part) {
      const std::int64_t run = part / across_;
      const std::int64_t first = part % across_ * piece_;
      const std::int64_t count = std::min(piece_, columns_ - first);
      const Lines<R> target = down_ == 1 ? Lines<R>{result_.data + first, result_.row_step, 1}
                                         : Lines<R>{parts_ + run * rows_ * columns_ + first, columns_, 1};
      functions[rows_ - 1](*this, {folded_ * run / down_, folded_ * (run + 1) / down_}, first, count, target,
                           add && down_ == 1);
    });
    if (down_ == 1) return;
    for (std::int64_t i = 0; i < rows_; ++i) {
      R* const target = result_.data + i * result_.row_step;
      for (std::int64_t j = 0; j < columns_; ++j) {
        R sum = add ? target[j] : R{};
        for (std::int64_t run = 0; run < down_; ++run) sum += parts_[(run * rows_ + i) * columns_ + j];
        target[j] = sum;
      }
    }
  }

 private:
  static constexpr int most_rows = 8;
  static constexpr std::int64_t fewest_columns = 1024;
  static constexpr std::int64_t sums_size = (std::int64_t{1} << 14) / sizeof(R);  ///< numbers in the first cache
  static constexpr std::int64_t most_parts = 16;
  static constexpr std::int64_t shortest_run = 64;
  static constexpr int steps = 8;  ///< rows of the right factor that are read together
  static constexpr std::int64_t lanes = vector_bytes / static_cast<std::int64_t>(sizeof(R));
  static constexpr std::int64_t ahead = 1024 / sizeof(R);  ///< numbers of each of them that are under way
  using Vector = VectorOf<R>;
  using Loose [[gnu::vector_size(vector_bytes), gnu::aligned(alignof(R)), gnu::may_alias]] = R;

  /// Element (i, j) is data[i * row_step + j * column_step].
  template <typename T>
  struct Lines {
    T* data;
    std::int64_t row_step;
    std::int64_t column_step;
  };
  struct Range {
    std::int64_t begin;
    std::int64_t end;
  };

  template <typename T>
  static T* start(const Operand<T>& operand) {
    return operand.data + Walk(operand.rows, 0).place().address + Walk(operand.columns, 0).place().address;
  }
  static std::int64_t stride(const Side& side) { return side.last().step.address; }

  template <int rows>
  static void multiply(const ThinProduct& product, Range folded, std::int64_t first, std::int64_t count,
                       const Lines<R>& target, bool add) {
    constexpr std::int64_t room = sums_size / rows / lanes * lanes;
    alignas(vector_bytes) R sums[rows][room];
    for (auto& row : sums) std::fill(row, row + count, R{});
    std::int64_t k = folded.begin;
    for (; k + steps <= folded.end; k += steps) product.fold<rows, steps>(k, first, count, sums);
    for (; k < folded.end; ++k) product.fold<rows, 1>(k, first, count, sums);
    for (int i = 0; i < rows; ++i) {
      R* const row = target.data + i * target.row_step;
      for (std::int64_t j = 0; j < count; ++j) row[j] = product.sign_ * sums[i][j] + (add ? row[j] : R{});
    }
  }

  // Adds the products of `length` columns of the left factor and as many rows of the right one.
  template <int rows, int length, std::int64_t room>
  void fold(std::int64_t k, std::int64_t first, std::int64_t count, R (&sums)[rows][room]) const {
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
        __builtin_prefetch(element + ahead);
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

  using Function = void (*)(const ThinProduct& product, Range folded, std::int64_t first, std::int64_t count,
                            const Lines<R>& target, bool add);
  static constexpr Function functions[most_rows] = {multiply<1>, multiply<2>, multiply<3>, multiply<4>,
                                                    multiply<5>, multiply<6>, multiply<7>, multiply<8>};

  Lines<const R> left_;
  Lines<const R> right_;
  Lines<R> result_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t folded_;
  R sign_;
  R* parts_;
  std::int64_t piece_ = sums_size / rows_ / lanes * lanes;  ///< columns whose sums stay in the first cache
  std::int64_t across_ = in_whole(columns_, piece_);
  std::int64_t down_ = std::max(std::min({most_parts / across_, folded_ / shortest_run,
                                          most_bytes / (rows_ * columns_ * std::int64_t{sizeof(R)})}),
                                std::int64_t{1});
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
