// Evaluation of reads and writes at computed places.
#include <limits>

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

namespace math = scalar_math;
using Results = std::vector<Array>;

// Indices of any integer dtype; unsigned ones beyond 63 bits are far out of bounds all the same.
std::vector<std::int64_t> load_indices(const Array& array) {
  if (array.type().dtype != DType::u64) return load<std::int64_t>(array);
  std::vector<std::int64_t> indices;
  for (std::uint64_t index : load<std::uint64_t>(array)) {
    indices.push_back(
        static_cast<std::int64_t>(std::min<std::uint64_t>(index, std::numeric_limits<std::int64_t>::max())));
  }
  return indices;
}

// The start of a block of shape `sizes` that lies within `shape`.
Index clamped_start(const Application& application, std::size_t first, const Shape& shape, const Shape& sizes) {
  Index start;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t index = load_indices(application.operands[first + axis]).at(0);
    start.push_back(std::clamp<std::int64_t>(index, 0, shape[axis] - sizes[axis]));
  }
  return start;
}

// How gather and scatter relate an index array to the operand.
struct Addressing {
  std::vector<std::int64_t> index_map;           // the operand axis of each component of an index vector
  std::vector<std::int64_t> operand_batch_axes;  // operand axes that follow ...
  std::vector<std::int64_t> index_batch_axes;    // ... these axes of the index array
  ir::IndexMode mode;
};

// The operand index of the first element of the window that `batch` (an index into the index array without its
// last axis) asks for; nothing when the window does not fit and the mode says so.
std::optional<Index> window_start(const Addressing& addressing, const std::vector<std::int64_t>& indices,
                                  const Shape& index_shape, const Index& batch, const Shape& operand,
                                  const Shape& window) {
  Index start(operand.size(), 0);
  std::int64_t row = 0;
  for (std::size_t axis = 0; axis < batch.size(); ++axis) row = row * index_shape[axis] + batch[axis];
  const auto components = static_cast<std::int64_t>(addressing.index_map.size());
  for (std::int64_t i = 0; i < components; ++i) start[addressing.index_map[i]] = indices[row * components + i];
  for (std::size_t axis = 0; axis < operand.size(); ++axis) {
    const std::int64_t last = operand[axis] - window[axis];
    if (last < 0) return std::nullopt;
    if (addressing.mode == ir::IndexMode::clip) start[axis] = std::clamp<std::int64_t>(start[axis], 0, last);
    if (start[axis] < 0 || start[axis] > last) return std::nullopt;
  }
  for (std::size_t i = 0; i < addressing.operand_batch_axes.size(); ++i) {
    start[addressing.operand_batch_axes[i]] = batch[addressing.index_batch_axes[i]];
  }
  return start;
}

std::vector<bool> mask_of(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> mask(rank, false);
  for (std::int64_t axis : axes) mask[axis] = true;
  return mask;
}

std::vector<bool> either(std::vector<bool> left, const std::vector<bool>& right) {
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = left[i] || right[i];
  return left;
}

// JAX's default: NaN, the least signed integer, the greatest unsigned one, true.
Array fill_value(const Application& application) {
  const Type scalar{application.types[0].dtype, {}};
  const ir::Parameter* given = application.parameters().find("fill_value");
  return visit(scalar.dtype, [&]<typename T>(T) {
    T value;
    if constexpr (is_complex_value<T>) {
      value = T(std::numeric_limits<double>::quiet_NaN(), 0);
    } else if constexpr (is_floating_value<T>) {
      value = std::numeric_limits<T>::quiet_NaN();
    } else {
      value = extreme_value<T>(scalar.dtype, std::is_signed_v<T>);
    }
    if (given != nullptr) {
      std::visit(
          [&](const auto& held) {
            using Held = std::decay_t<decltype(held)>;
            if constexpr (std::is_arithmetic_v<Held>) value = number_cast<T>(held);
            if constexpr (is_complex_value<Held> && is_complex_value<T>) value = held;
          },
          given->value);
    }
    return store(scalar, std::vector<T>{value});
  });
}

Results gathered(const Application& application) {
  const Array& operand = application.operands[0];
  const Array& index_array = application.operands[1];
  const Type& type = application.types[0];
  const ir::GatherNumbers numbers = ir::gather_numbers(application.parameters());
  const Addressing addressing{numbers.start_index_map, numbers.operand_batch_axes, numbers.index_batch_axes,
                              ir::gather_mode(application.parameters())};
  const Shape& shape = operand.type().shape;
  const Shape window = application.parameters().integers("slice_sizes");
  const auto indices = load_indices(index_array);
  const auto is_offset = mask_of(numbers.offset_axes, type.shape.size());
  const auto dropped =
      either(mask_of(numbers.collapsed_axes, shape.size()), mask_of(numbers.operand_batch_axes, shape.size()));
  const Index strides = row_major_strides(shape);
  const Array fill = fill_value(application);
  Array result(type);
  std::int64_t to = 0;
  for_each_index(type.shape, [&](const Index& index) {
    Index batch;
    Index offset;
    for (std::size_t axis = 0; axis < index.size(); ++axis) (is_offset[axis] ? offset : batch).push_back(index[axis]);
    auto from = window_start(addressing, indices, index_array.type().shape, batch, shape, window);
    if (from.has_value()) {
      std::size_t next = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (!dropped[axis]) (*from)[axis] += offset[next++];
      }
      copy_element(result, to, operand, place_of(*from, strides));
    } else {
      copy_element(result, to, fill, 0);
    }
    ++to;
  });
  return {result};
}

// Calls function(operand place, update place) for every update that lands, in order. A window that does not
// lie within the operand is dropped whole.
template <typename Function>
void for_each_update(const Application& application, Function function) {
  const Array& index_array = application.operands[1];
  const Shape& shape = application.operands[0].type().shape;
  const Shape& updates = application.operands[2].type().shape;
  const ir::ScatterNumbers numbers = ir::scatter_numbers(application.parameters());
  const Addressing addressing{numbers.index_to_operand_axes, numbers.operand_batch_axes, numbers.index_batch_axes,
                              ir::scatter_mode(application.parameters())};
  const auto indices = load_indices(index_array);
  const auto is_window = mask_of(numbers.update_window_axes, updates.size());
  const auto dropped =
      either(mask_of(numbers.inserted_axes, shape.size()), mask_of(numbers.operand_batch_axes, shape.size()));
  Shape window(shape.size(), 1);
  std::size_t next_axis = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!dropped[axis]) window[axis] = updates[numbers.update_window_axes[next_axis++]];
  }
  const Index strides = row_major_strides(shape);
  std::int64_t from = 0;
  for_each_index(updates, [&](const Index& index) {
    Index batch;
    Index offset;
    for (std::size_t axis = 0; axis < index.size(); ++axis) (is_window[axis] ? offset : batch).push_back(index[axis]);
    auto to = window_start(addressing, indices, index_array.type().shape, batch, shape, window);
    if (to.has_value()) {
      std::size_t next = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (!dropped[axis]) (*to)[axis] += offset[next++];
      }
      function(place_of(*to, strides), from);
    }
    ++from;
  });
}

template <typename Function>
Results scatter_with(const Application& application, Function function) {
  const Type& type = application.types[0];
  return visit(type.dtype, [&]<typename T>(T) -> Results {
    auto values = load<T>(application.operands[0]);
    const auto updates = load<T>(application.operands[2]);
    for_each_update(application,
                    [&](std::int64_t to, std::int64_t from) { values[to] = function(values[to], updates[from]); });
    return {store(type, values)};
  });
}

// `scatter` replaces, or applies update_jaxpr to the old element and the update.
Results scatter_replacing(const Application& application) {
  Array result = application.operands[0];
  const Array& updates = application.operands[2];
  const ir::Parameter* parameter = application.parameters().find("update_jaxpr");
  const auto* body = parameter == nullptr ? nullptr : std::get_if<ir::JaxprPointer>(&parameter->value);
  const Type scalar{result.type().dtype, {}};
  for_each_update(application, [&](std::int64_t to, std::int64_t from) {
    if (body == nullptr) {
      copy_element(result, to, updates, from);
    } else {
      const Results arguments = {copy_places(scalar, result, {to}), copy_places(scalar, updates, {from})};
      copy_element(result, to, application.call(**body, arguments).at(0), 0);
    }
  });
  return {result};
}

}  // namespace

namespace evaluators {

Results dynamic_slice(const Application& a) {
  const Array& operand = a.operands[0];
  const Type& type = a.types[0];
  const Index start = clamped_start(a, 1, operand.type().shape, type.shape);
  const Index strides = row_major_strides(operand.type().shape);
  std::vector<std::int64_t> places;
  for_each_index(type.shape,
                 [&](const Index& index) { places.push_back(place_of(start, strides) + place_of(index, strides)); });
  return {copy_places(type, operand, places)};
}

Results dynamic_update_slice(const Application& a) {
  Array result = a.operands[0];
  const Array& update = a.operands[1];
  const Index start = clamped_start(a, 2, result.type().shape, update.type().shape);
  const Index strides = row_major_strides(result.type().shape);
  std::int64_t from = 0;
  for_each_index(update.type().shape, [&](const Index& index) {
    copy_element(result, place_of(start, strides) + place_of(index, strides), update, from++);
  });
  return {result};
}

Results gather(const Application& a) {
  return gathered(a);
}
Results scatter(const Application& a) {
  return scatter_replacing(a);
}
Results scatter_add(const Application& a) {
  return scatter_with(a, [](auto x, decltype(x) y) { return math::add(x, y); });
}
Results scatter_sub(const Application& a) {
  return scatter_with(a, [](auto x, decltype(x) y) { return math::subtract(x, y); });
}
Results scatter_mul(const Application& a) {
  return scatter_with(a, [](auto x, decltype(x) y) { return math::multiply(x, y); });
}
Results scatter_min(const Application& a) {
  return scatter_with(a, [](auto x, decltype(x) y) { return math::minimum(x, y); });
}
Results scatter_max(const Application& a) {
  return scatter_with(a, [](auto x, decltype(x) y) { return math::maximum(x, y); });
}

}  // namespace evaluators

}  // namespace jaxc::compiler
