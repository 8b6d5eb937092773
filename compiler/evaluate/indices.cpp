// Walking the elements of row-major arrays.
#include "compiler/evaluate/indices.h"

#include <cstring>
#include <numeric>

namespace jaxc::compiler {

Index row_major_strides(const Shape& shape) {
  Index strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

std::vector<std::int64_t> broadcast_places(const Shape& from, const Shape& to) {
  std::vector<std::int64_t> places(static_cast<std::size_t>(element_count(to)));
  if (from == to) {
    std::iota(places.begin(), places.end(), 0);
  } else if (!from.empty()) {
    Index strides = row_major_strides(from);
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      if (from[axis] == 1) strides[axis] = 0;
    }
    std::size_t next = 0;
    for_each_index(to, [&](const Index& index) { places[next++] = place_of(index, strides); });
  }
  return places;
}

Array copy_places(const Type& type, const Array& source, const std::vector<std::int64_t>& places) {
  Array result(type);
  const std::size_t size = element_bytes(type.dtype);
  std::byte* to = result.mutable_bytes().data();
  const std::byte* from = source.bytes().data();
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= 0) std::memcpy(to + i * size, from + static_cast<std::size_t>(places[i]) * size, size);
  }
  return result;
}

void copy_element(Array& target, std::int64_t to, const Array& source, std::int64_t from) {
  const std::size_t size = element_bytes(source.type().dtype);
  std::memcpy(target.mutable_bytes().data() + static_cast<std::size_t>(to) * size,
              source.bytes().data() + static_cast<std::size_t>(from) * size, size);
}

Lines lines_along(const Shape& shape, std::size_t axis) {
  Lines lines;
  const Index strides = row_major_strides(shape);
  lines.step = strides[axis];
  lines.extent = shape[axis];
  Shape others = shape;
  others[axis] = 1;
  for_each_index(others, [&](const Index& index) { lines.starts.push_back(place_of(index, strides)); });
  return lines;
}

}  // namespace jaxc::compiler
