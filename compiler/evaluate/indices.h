// Walking the elements of row-major arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "jaxc/array.h"

namespace jaxc::compiler {

using Index = std::vector<std::int64_t>;

/// How many elements one step along each axis passes.
Index row_major_strides(const Shape& shape);

/// The place of `index` in a row-major array.
inline std::int64_t place_of(const Index& index, const Index& strides) {
  std::int64_t place = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) place += index[axis] * strides[axis];
  return place;
}

/// Calls function(index) for every index within `shape`, in row-major order.
template <typename Function>
void for_each_index(const Shape& shape, Function&& function) {
  for (std::int64_t extent : shape) {
    if (extent == 0) return;
  }
  Index index(shape.size(), 0);
  while (true) {
    function(static_cast<const Index&>(index));
    std::size_t axis = shape.size();
    while (axis > 0 && index[axis - 1] + 1 == shape[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
    ++index[axis - 1];
  }
}

/// For each element of a result of shape `to`, the place it is read from in an operand of shape `from`,
/// whose extents are equal or 1, or whose rank is 0.
std::vector<std::int64_t> broadcast_places(const Shape& from, const Shape& to);

/// The result whose elements, in row-major order, are copies of `source`'s at `places`; a negative place
/// leaves the bytes zero.
Array copy_places(const Type& type, const Array& source, const std::vector<std::int64_t>& places);

/// Copies element `from` of `source` over element `to` of `target`.
void copy_element(Array& target, std::int64_t to, const Array& source, std::int64_t from);

/// The lines along one axis: for each, the place of its first element; elements are `step` apart.
struct Lines {
  std::vector<std::int64_t> starts;
  std::int64_t step = 1;
  std::int64_t extent = 0;
};
Lines lines_along(const Shape& shape, std::size_t axis);

}  // namespace jaxc::compiler
