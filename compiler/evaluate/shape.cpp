// Evaluation of the primitives that move elements without computing.
#include <cstring>
#include <numeric>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;

// The result of type `type` whose element at an index is the source's at from(index).
template <typename Function>
Array rearranged(const Type& type, const Array& source, Function from) {
  std::vector<std::int64_t> places;
  const Index strides = row_major_strides(source.type().shape);
  for_each_index(type.shape, [&](const Index& index) { places.push_back(place_of(from(index), strides)); });
  return copy_places(type, source, places);
}

// Copies `source` into `target` with its first element at `start`.
void place_block(Array& target, const Array& source, const Index& start) {
  const Index to = row_major_strides(target.type().shape);
  std::int64_t from = 0;
  const std::int64_t base = place_of(start, to);
  for_each_index(source.type().shape,
                 [&](const Index& index) { copy_element(target, base + place_of(index, to), source, from++); });
}

// The part of `source` of type `type` whose first element is at `start`.
Array block(const Type& type, const Array& source, const Index& start, const Index& steps) {
  return rearranged(type, source, [&](Index index) {
    for (std::size_t axis = 0; axis < index.size(); ++axis) index[axis] = start[axis] + index[axis] * steps[axis];
    return index;
  });
}

Array with_type(const Type& type, const Array& source) {
  return Array(type, source.bytes());
}

Results joined(const Application& application, std::size_t axis, bool is_new) {
  Array result(application.types[0]);
  Index start(result.type().shape.size(), 0);
  for (const Array& operand : application.operands) {
    Type type = operand.type();
    if (is_new) type.shape.insert(type.shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    place_block(result, with_type(type, operand), start);
    start[axis] += type.shape[axis];
  }
  return {result};
}

Results parted(const Application& application, std::size_t axis, bool drops) {
  const Array& operand = application.operands[0];
  const std::size_t rank = operand.type().shape.size();
  Results results;
  Index start(rank, 0);
  for (const Type& type : application.types) {
    Type kept = type;
    if (drops) kept.shape.insert(kept.shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    results.push_back(with_type(type, block(kept, operand, start, Index(rank, 1))));
    start[axis] += kept.shape[axis];
  }
  return results;
}

Results padded(const Application& application) {
  const Array& operand = application.operands[0];
  const auto amounts = ir::pad_amounts(application.parameters());
  const Type& type = application.types[0];
  Array result = copy_places(type, application.operands[1],
                             std::vector<std::int64_t>(static_cast<std::size_t>(element_count(type.shape)), 0));
  const Index strides = row_major_strides(type.shape);
  std::int64_t from = 0;
  for_each_index(operand.type().shape, [&](const Index& index) {
    Index to = index;
    bool inside = true;
    for (std::size_t axis = 0; axis < to.size(); ++axis) {
      to[axis] = amounts[axis].low + index[axis] * (amounts[axis].interior + 1);
      inside = inside && to[axis] >= 0 && to[axis] < type.shape[axis];
    }
    if (inside) copy_element(result, place_of(to, strides), operand, from);
    ++from;
  });
  return {result};
}

Array transposed(const Type& type, const Array& source, const std::vector<std::int64_t>& permutation) {
  return rearranged(type, source, [&](const Index& index) {
    Index from(index.size());
    for (std::size_t axis = 0; axis < index.size(); ++axis) from[permutation[axis]] = index[axis];
    return from;
  });
}

Results reshaped(const Application& application) {
  const Array& operand = application.operands[0];
  const auto order = application.parameters().integers_or("dimensions", {});
  if (order.empty()) return {with_type(application.types[0], operand)};
  Type type{operand.type().dtype, {}};
  for (std::int64_t axis : order) type.shape.push_back(operand.type().shape[axis]);
  return {with_type(application.types[0], transposed(type, operand, order))};
}

Results counted(const Application& application) {
  const Type& type = application.types[0];
  const std::int64_t axis = application.parameters().integer("dimension");
  return visit(type.dtype, [&]<typename T>(T) -> Results {
    std::vector<T> values;
    for_each_index(type.shape, [&](const Index& index) {
      if constexpr (is_complex_value<T>) {
        values.push_back(T(static_cast<double>(index[axis])));
      } else {
        values.push_back(static_cast<T>(index[axis]));
      }
    });
    return {store(type, values)};
  });
}

}  // namespace

namespace evaluators {

Results broadcast_in_dim(const Application& a) {
  const auto axes = a.parameters().integers_or("broadcast_dimensions", {});
  const Shape& shape = a.operands[0].type().shape;
  return {rearranged(a.types[0], a.operands[0], [&](const Index& index) {
    Index from(shape.size(), 0);
    for (std::size_t i = 0; i < shape.size(); ++i) from[i] = shape[i] == 1 ? 0 : index[axes[i]];
    return from;
  })};
}
Results tile(const Application& a) {
  const Shape& shape = a.operands[0].type().shape;
  return {rearranged(a.types[0], a.operands[0], [&](Index index) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) index[axis] %= shape[axis];
    return index;
  })};
}
Results concatenate(const Application& a) {
  return joined(a, static_cast<std::size_t>(a.parameters().integer("dimension")), false);
}
Results stack(const Application& a) {
  return joined(a, static_cast<std::size_t>(a.parameters().integer("axis")), true);
}
Results unstack(const Application& a) {
  return parted(a, static_cast<std::size_t>(a.parameters().integer("axis")), true);
}
Results split(const Application& a) {
  return parted(a, static_cast<std::size_t>(a.parameters().integer("axis")), false);
}
Results pad(const Application& a) {
  return padded(a);
}
Results squeeze(const Application& a) {
  return {with_type(a.types[0], a.operands[0])};
}
Results expand_dims(const Application& a) {
  return {with_type(a.types[0], a.operands[0])};
}
Results reshape(const Application& a) {
  return reshaped(a);
}
Results bitcast_convert_type(const Application& a) {
  const Type& from = a.operands[0].type();
  if (!is_narrow_integer(from.dtype) && !is_narrow_integer(a.types[0].dtype))
    return {with_type(a.types[0], a.operands[0])};
  // All bits in a row, lowest first.
  std::vector<bool> bits;
  const auto width = static_cast<std::size_t>(value_bits(from.dtype));
  const std::size_t bytes = element_bytes(from.dtype);
  for (std::size_t k = 0; k < a.operands[0].bytes().size(); k += bytes)
    for (std::size_t bit = 0; bit < width; ++bit)
      bits.push_back((std::to_integer<unsigned>(a.operands[0].bytes()[k + bit / 8]) >> (bit % 8) & 1) != 0);
  Array result(a.types[0]);
  const auto to_width = static_cast<std::size_t>(value_bits(a.types[0].dtype));
  const std::size_t to_bytes = element_bytes(a.types[0].dtype);
  const std::span<std::byte> target = result.mutable_bytes();
  for (std::size_t k = 0; k < bits.size(); ++k)
    if (bits[k]) target[k / to_width * to_bytes + k % to_width / 8] |= std::byte{1} << (k % to_width % 8);
  if (!is_narrow_integer(a.types[0].dtype) || is_unsigned_integer(a.types[0].dtype)) return {result};
  return {store(a.types[0], load<std::int64_t>(result))};
}
Results rev(const Application& a) {
  const auto axes = a.parameters().integers("dimensions");
  const Shape& shape = a.types[0].shape;
  return {rearranged(a.types[0], a.operands[0], [&](Index index) {
    for (std::int64_t axis : axes) index[axis] = shape[axis] - 1 - index[axis];
    return index;
  })};
}
Results transpose(const Application& a) {
  return {transposed(a.types[0], a.operands[0], a.parameters().integers("permutation"))};
}
Results slice(const Application& a) {
  const Index ones(a.types[0].shape.size(), 1);
  return {block(a.types[0], a.operands[0], a.parameters().integers("start_indices"),
                a.parameters().integers_or("strides", ones))};
}
Results iota(const Application& a) {
  return counted(a);
}
Results empty(const Application& a) {
  return {Array(a.types[0])};
}

}  // namespace evaluators

}  // namespace jaxc::compiler
