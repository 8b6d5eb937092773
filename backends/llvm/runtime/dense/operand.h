// Operands of products whose rows and columns run over several axes each: matrices, contractions, and windows that
// slide over an image.
#pragma once

#include <algorithm>
#include <array>

#include "backends/llvm/runtime/dense/matrix.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

inline constexpr int most_axes = ProductRequest::most_axes;
inline constexpr int most_bounds = ProductRequest::most_bounds;

using Coordinates = std::array<std::int64_t, most_bounds>;

/// Where an element lies, and its coordinates, which bounds hold for.
struct Place {
  std::int64_t address = 0;
  Coordinates coordinates = {};

  void move(const Place& step, std::int64_t times) {
    address += step.address * times;
    for (int k = 0; k < most_bounds; ++k) coordinates[k] += step.coordinates[k] * times;
  }
};

/// One dimension of an operand: `count` positions from `first` on over its axes, of which the last moves fastest.
struct Side {
  struct Axis {
    std::int64_t extent = 1;
    Place step;
  };
  std::array<Axis, most_axes> axes = {};
  int axis_count = 1;
  std::int64_t first = 0;
  std::int64_t count = 0;

  static Side line(std::int64_t count, std::int64_t stride) {
    Side side;
    side.axes[0] = {count, {stride, {}}};
    side.count = count;
    return side;
  }
  Side part(std::int64_t begin, std::int64_t length) const {
    Side result = *this;
    result.first += begin;
    result.count = length;
    return result;
  }
  const Axis& last() const { return axes[static_cast<std::size_t>(axis_count - 1)]; }
};

/// Element (i, j) is at the sum of both positions' addresses; it is 0 where a coordinate is not within [0, limit).
template <typename T>
struct Operand {
  T* data;
  Side rows;
  Side columns;
  Coordinates origin = {};
  Coordinates limits = {};
  int bounds = 0;

  Operand block(std::int64_t row, std::int64_t column, std::int64_t row_count, std::int64_t column_count) const {
    Operand result = *this;
    result.rows = rows.part(row, row_count);
    result.columns = columns.part(column, column_count);
    return result;
  }
  Operand transposed() const {
    Operand result = *this;
    std::swap(result.rows, result.columns);
    return result;
  }
};

template <typename T>
Operand<T> operand_of(const Matrix<T>& matrix) {
  return {matrix.data, Side::line(matrix.rows, matrix.row_stride), Side::line(matrix.columns, matrix.column_stride)};
}

/// Goes over the positions of a side.
class Walk {
 public:
  Walk(const Side& side, std::int64_t position) : side_(side) {
    std::int64_t rest = side.first + position;
    for (int k = side.axis_count - 1; k > 0; --k) {
      at_[k] = rest % side.axes[k].extent;
      rest /= side.axes[k].extent;
      place_.move(side.axes[k].step, at_[k]);
    }
    at_[0] = rest;
    place_.move(side.axes[0].step, rest);
  }

  const Place& place() const { return place_; }
  /// Positions to the end of the last `axes` axes.
  std::int64_t left(int axes = 1) const {
    std::int64_t before = 0;
    std::int64_t extent = 1;
    for (int k = side_.axis_count - axes; k < side_.axis_count; ++k) {
      before = before * side_.axes[k].extent + at_[k];
      extent *= side_.axes[k].extent;
    }
    return extent - before;
  }
  /// The coordinate's position along the last `axes` axes alone.
  std::int64_t coordinate(int bound, int axes) const {
    std::int64_t sum = 0;
    for (int k = side_.axis_count - axes; k < side_.axis_count; ++k)
      sum += at_[k] * side_.axes[k].step.coordinates[bound];
    return sum;
  }
  void advance(std::int64_t positions) {
    for (int k = side_.axis_count - 1;; --k) {
      const Side::Axis& axis = side_.axes[k];
      const std::int64_t reached = at_[k] + positions;
      if (k == 0 || reached < axis.extent) {
        at_[k] = reached;
        return place_.move(axis.step, positions);
      }
      positions = reached < 2 * axis.extent ? 1 : reached / axis.extent;  // a division is slow
      const std::int64_t next = reached - positions * axis.extent;
      place_.move(axis.step, next - at_[k]);
      at_[k] = next;
    }
  }

 private:
  const Side& side_;
  std::array<std::int64_t, most_axes> at_ = {};
  Place place_;
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
