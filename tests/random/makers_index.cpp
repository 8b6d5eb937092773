// Makers of reads and writes at computed places.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;
using Axes = std::vector<std::int64_t>;

namespace {

Value random_index(Scope& scope) {
  if (scope.random().chance(0.2)) return literal(DType::i32, scope.random().between(-2, 5));
  return scope.of_type({scope.random().chance(0.9) ? DType::i32 : DType::i64, {}});
}

bool dynamic_slice(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  Values operands = {x};
  Axes sizes;
  for (std::int64_t extent : x.shape()) {
    sizes.push_back(scope.random().between(std::min<std::int64_t>(1, extent), extent));
    operands.push_back(random_index(scope));
  }
  return scope.one(primitive, "slice_sizes=" + tuple(sizes), operands).has_value();
}

bool dynamic_update(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::any, 1);
  Shape sizes;
  for (std::int64_t extent : x.shape())
    sizes.push_back(scope.random().between(std::min<std::int64_t>(1, extent), extent));
  Values operands = {x, scope.of_type({x.dtype(), sizes})};
  for (std::size_t k = 0; k < sizes.size(); ++k) operands.push_back(random_index(scope));
  return scope.one(primitive, "", operands).has_value();
}

/// How an array of index vectors relates to an operand.
struct Addressing {
  Axes collapsed;      ///< operand axes without a window
  Axes operand_batch;  ///< operand axes that follow axes of the indices
  Axes index_batch;
  Axes map;          ///< operand axes that components of an index vector move along
  Shape batch;       ///< the indices' shape without its last axis
  Axes windows;      ///< operand axes with windows, increasing
  Axes places;       ///< where those lie in the result or updates
  std::size_t rank;  ///< of the result or updates
};

bool contains(const Axes& axes, std::int64_t axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

Addressing random_addressing(Scope& scope, const Shape& shape) {
  Random& random = scope.random();
  Addressing result;
  result.batch = scope.random_shape(0, 2);
  for (std::int64_t& extent : result.batch) extent = std::min<std::int64_t>(extent, 6);
  const Axes order = some_axes(random, shape.size(), shape.size(), shape.size());
  std::size_t next = 0;
  if (random.chance(0.15) && !result.batch.empty()) {
    const std::size_t at = random.below(result.batch.size());
    result.operand_batch = {order[next]};
    result.index_batch = {static_cast<std::int64_t>(at)};
    result.batch[at] = shape[static_cast<std::size_t>(order[next++])];
  }
  for (; next < order.size(); ++next) {
    const bool mapped = random.chance(0.6);
    if (mapped) result.map.push_back(order[next]);
    if (random.chance(mapped ? 0.6 : 0.0)) result.collapsed.push_back(order[next]);
  }
  std::sort(result.collapsed.begin(), result.collapsed.end());
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const auto axis = static_cast<std::int64_t>(k);
    if (!contains(result.collapsed, axis) && !contains(result.operand_batch, axis)) result.windows.push_back(axis);
  }
  result.rank = result.batch.size() + result.windows.size();
  result.places = some_axes(random, result.rank, result.windows.size(), result.windows.size());
  std::sort(result.places.begin(), result.places.end());
  return result;
}

Value random_indices(Scope& scope, const Addressing& addressing) {
  Shape shape = addressing.batch;
  shape.push_back(static_cast<std::int64_t>(addressing.map.size()));
  return scope.of_type({scope.random().chance(0.9) ? DType::i32 : DType::i64, shape});
}

std::string mode(Random& random) {
  static const std::vector<std::string> modes = {"CLIP", "FILL_OR_DROP", "PROMISE_IN_BOUNDS"};
  return "GatherScatterMode." + modes[random.chance(0.1) ? 2 : random.below(2)];
}

bool gather(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::computable, 1, 3);
  const Addressing a = random_addressing(scope, x.shape());
  Axes sizes(x.shape().size(), 1);
  for (std::int64_t axis : a.windows) {
    const std::int64_t extent = x.shape()[static_cast<std::size_t>(axis)];
    sizes[static_cast<std::size_t>(axis)] =
        contains(a.map, axis) ? scope.random().between(std::min<std::int64_t>(1, extent), extent) : extent;
  }
  const std::string text = fmt::format(
      "dimension_numbers=GatherDimensionNumbers(offset_dims={}, collapsed_slice_dims={}, start_index_map={}, "
      "operand_batching_dims={}, start_indices_batching_dims={}) fill_value=None indices_are_sorted=False mode={} "
      "slice_sizes={} unique_indices=False",
      tuple(a.places), tuple(a.collapsed), tuple(a.map), tuple(a.operand_batch), tuple(a.index_batch),
      mode(scope.random()), tuple(sizes));
  return scope.one(primitive, text, {x, random_indices(scope, a)}).has_value();
}

bool scatter(Scope& scope, Primitive primitive) {
  const bool plain = primitive == Primitive::scatter;
  const Value x = operand(scope, plain ? ir::dtypes::computable : ir::dtypes::numbers, 1, 3);
  Addressing a = random_addressing(scope, x.shape());
  // Which of several updates of an element remains is undefined. XLA writes window after window, jaxc in the updates'
  // own order, which is the same where the windows' axes are the last.
  const auto moves = [&](std::int64_t axis) { return contains(a.map, axis); };
  if (plain && std::any_of(a.windows.begin(), a.windows.end(), moves))
    std::iota(a.places.begin(), a.places.end(), static_cast<std::int64_t>(a.rank - a.places.size()));
  Shape updates(a.rank);
  std::size_t window = 0;
  std::size_t batch = 0;
  for (std::size_t k = 0; k < a.rank; ++k) {
    if (!contains(a.places, static_cast<std::int64_t>(k))) {
      updates[k] = a.batch[batch++];
      continue;
    }
    const std::int64_t axis = a.windows[window++];
    const std::int64_t extent = x.shape()[static_cast<std::size_t>(axis)];
    updates[k] = contains(a.map, axis) ? scope.random().between(std::min<std::int64_t>(1, extent), extent) : extent;
  }
  ir::Parameters written = parameters(
      fmt::format("dimension_numbers=ScatterDimensionNumbers(update_window_dims={}, inserted_window_dims={}, "
                  "scatter_dims_to_operand_dims={}, operand_batching_dims={}, scatter_indices_batching_dims={}) "
                  "indices_are_sorted=False mode={} unique_indices=False update_consts=() update_jaxpr=None",
                  tuple(a.places), tuple(a.collapsed), tuple(a.map), tuple(a.operand_batch), tuple(a.index_batch),
                  mode(scope.random())));
  struct Combination {
    Primitive scatter;
    Primitive combine;
  };
  constexpr std::array combinations = {
      Combination{Primitive::scatter_add, Primitive::add}, Combination{Primitive::scatter_sub, Primitive::sub},
      Combination{Primitive::scatter_mul, Primitive::mul}, Combination{Primitive::scatter_min, Primitive::min},
      Combination{Primitive::scatter_max, Primitive::max}};
  for (const auto& [name, combine] : combinations)
    if (name == primitive) written.set("update_jaxpr", {binary_jaxpr(combine, x.dtype())});
  return scope.apply(primitive, written, {x, random_indices(scope, a), scope.of_type({x.dtype(), updates})})
      .has_value();
}

}  // namespace

Make makers::index(Primitive primitive) {
  if (primitive == Primitive::dynamic_slice) return dynamic_slice;
  if (primitive == Primitive::dynamic_update_slice) return dynamic_update;
  if (primitive == Primitive::gather) return gather;
  return scatter;
}

}  // namespace jaxc::random_programs
