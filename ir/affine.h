// Affine: index expressions over a nest's axes, their bounds, and whether stores reach every element once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ir/program.h"

namespace jaxc::ir {

/// offset + sum over axes of coefficients[axis] * position(axis).
struct Affine {
  std::int64_t offset = 0;
  std::vector<std::int64_t> coefficients;  ///< by axis number

  /// The axis when the whole index is that axis's position, and nothing otherwise.
  std::optional<int> identity() const;
};

/// The smallest and the largest value, both included; saturated to 62 bits.
struct Interval {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// `index` as an affine form; nothing when it names an operation other than `axis`.
std::optional<Affine> affine(const Index& index, const Region& body, std::size_t axis_count);

/// The values over a domain without empty axes.
Interval interval(const Affine& form, std::span<const Axis> axes);

/// Whether the points of `axes` (those whose `stored` flag holds) map one to one onto the elements of `shape`.
/// The row-major element number is affine in the positions, and such a map is onto an interval exactly when the
/// sorted coefficients form a mixed radix: 1, e1, e1 e2, ...
bool covers_once(std::span<const Affine> indices, std::span<const Axis> axes, const std::vector<bool>& stored,
                 const Shape& shape);

}  // namespace jaxc::ir
