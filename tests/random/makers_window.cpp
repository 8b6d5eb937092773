// Makers of sliding windows and contractions.
#include <fmt/format.h>

#include <algorithm>

#include "makers.h"

namespace jaxc::random_programs {

using ir::Primitive;
using Axes = std::vector<std::int64_t>;

namespace {

struct WindowText {
  std::string parameters;
  Shape places;  ///< extents of the result
};

std::string pairs(const std::vector<std::pair<std::int64_t, std::int64_t>>& items) {
  std::string text = "(";
  for (const auto& [low, high] : items) text += fmt::format("({}, {}), ", low, high);
  return text + ")";
}

WindowText random_window(Scope& scope, const Shape& shape, bool dilate) {
  Axes extents;
  Axes strides;
  Axes base;
  Axes window;
  std::vector<std::pair<std::int64_t, std::int64_t>> padding;
  WindowText result;
  Random& random = scope.random();
  for (std::int64_t extent : shape) {
    extents.push_back(random.between(1, std::max<std::int64_t>(1, std::min<std::int64_t>(3, extent))));
    strides.push_back(random.between(1, 2));
    base.push_back(dilate && random.chance(0.2) ? 2 : 1);
    window.push_back(dilate && random.chance(0.2) ? 2 : 1);
    padding.emplace_back(random.chance(0.5) ? 0 : random.between(0, extents.back() - 1),
                         random.chance(0.5) ? 0 : random.between(0, extents.back() - 1));
    const std::int64_t padded =
        (extent == 0 ? 0 : (extent - 1) * base.back() + 1) + padding.back().first + padding.back().second;
    const std::int64_t span = (extents.back() - 1) * window.back() + 1;
    result.places.push_back(padded < span ? 0 : (padded - span) / strides.back() + 1);
  }
  result.parameters =
      fmt::format("base_dilation={} padding={} window_dilation={} window_dimensions={} window_strides={}", tuple(base),
                  pairs(padding), tuple(window), tuple(extents), tuple(strides));
  return result;
}

bool window_fold(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::numbers, 1, 3);
  return scope.one(primitive, random_window(scope, x.shape(), true).parameters, {x}).has_value();
}

bool general_window_fold(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::computable, 1, 3);
  const Monoid fold = monoid(scope.random(), x.dtype());
  ir::Parameters written = parameters(random_window(scope, x.shape(), true).parameters + " consts=()");
  written.set("jaxpr", {fold.jaxpr});
  return scope.apply(primitive, written, {x, literal(x.dtype(), fold.neutral)}).has_value();
}

bool select_and_scatter(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::dtypes::floats, 1, 3);
  const WindowText window = random_window(scope, x.shape(), false);
  const Value source = scope.of_type({x.dtype(), window.places});
  return scope
      .one(primitive, fmt::format("select_prim={} {}", scope.random().chance(0.5) ? "ge" : "le", window.parameters),
           {source, x})
      .has_value();
}

bool select_and_gather(Scope& scope, Primitive primitive) {
  const Value x = operand(scope, ir::DTypes(ir::dtypes::floats), 1, 3);
  const Value tangents = scope.of_type(x.type());
  const WindowText window = random_window(scope, x.shape(), true);
  return scope
      .one(primitive, fmt::format("select_prim={} {}", scope.random().chance(0.5) ? "ge" : "le", window.parameters),
           {tangents, x})
      .has_value();
}

bool convolution(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const auto spatial = static_cast<std::size_t>(random.between(1, 2));
  const std::int64_t groups = random.chance(0.25) ? 2 : 1;
  const std::int64_t batches = groups == 1 && random.chance(0.15) ? 2 : 1;
  const std::int64_t inputs = random.between(1, 3);
  const std::size_t rank = spatial + 2;
  const DType dtype = scope.random_dtype(ir::dtypes::numbers);
  Shape operand_extents = {random.between(1, 2) * batches, inputs * groups};
  Shape kernel_extents = {random.between(1, 3) * groups * batches, inputs};
  Axes strides;
  Axes base;
  Axes window;
  std::vector<std::pair<std::int64_t, std::int64_t>> padding;
  for (std::size_t k = 0; k < spatial; ++k) {
    operand_extents.push_back(random.between(1, 7));
    kernel_extents.push_back(random.between(1, 3));
    strides.push_back(random.between(1, 2));
    base.push_back(random.chance(0.2) ? 2 : 1);
    window.push_back(random.chance(0.2) ? 2 : 1);
    padding.emplace_back(random.between(-1, 2), random.between(0, 2));
  }
  const Axes operand_axes = some_axes(random, rank, rank, rank);
  const Axes kernel_axes = some_axes(random, rank, rank, rank);
  Axes result_axes = some_axes(random, rank, rank, rank);
  Shape operand_shape(rank);
  Shape kernel_shape(rank);
  for (std::size_t k = 0; k < rank; ++k) {
    operand_shape[static_cast<std::size_t>(operand_axes[k])] = operand_extents[k];
    kernel_shape[static_cast<std::size_t>(kernel_axes[k])] = kernel_extents[k];
  }
  const Value x = scope.of_type({dtype, operand_shape});
  const Value kernel = scope.of_type({dtype, kernel_shape});
  return scope
      .one(primitive,
           fmt::format("batch_group_count={} dimension_numbers=ConvDimensionNumbers(lhs_spec={}, rhs_spec={}, "
                       "out_spec={}) feature_group_count={} lhs_dilation={} padding={} precision=None "
                       "preferred_element_type=None rhs_dilation={} window_strides={}",
                       batches, tuple(operand_axes), tuple(kernel_axes), tuple(result_axes), groups, tuple(base),
                       pairs(padding), tuple(window), tuple(strides)),
           {x, kernel})
      .has_value();
}

// The right operand has the left one's contracted and batch extents, and free axes of its own, in any order.
bool dot(Scope& scope, Primitive primitive) {
  Random& random = scope.random();
  const Value left = operand(scope, ir::dtypes::numbers, 0, 3);
  const std::size_t rank = left.shape().size();
  Axes axes = some_axes(random, rank, rank, rank);
  const std::size_t contracted = rank == 0 ? 0 : random.below(rank + 1);
  const std::size_t batched = rank == contracted ? 0 : random.below(rank - contracted + 1);
  const std::size_t shared = contracted + batched;
  Shape free = scope.random_shape(0, 2);
  for (std::int64_t& extent : free) extent = std::min<std::int64_t>(extent, 9);
  const Axes places = some_axes(random, shared + free.size(), shared + free.size(), 9);
  Shape shape(places.size());
  for (std::size_t k = 0; k < places.size(); ++k)
    shape[static_cast<std::size_t>(places[k])] =
        k < shared ? left.shape()[static_cast<std::size_t>(axes[k])] : free[k - shared];
  const auto part = [](const Axes& all, std::size_t first, std::size_t count) {
    return tuple(Axes(all.begin() + static_cast<std::ptrdiff_t>(first),
                      all.begin() + static_cast<std::ptrdiff_t>(first + count)));
  };
  const Value right = scope.of_type({left.dtype(), shape});
  std::string preferred = "None";
  if (random.chance(0.2)) preferred = numpy_name(left.dtype());
  if (left.dtype() == DType::bf16 && random.chance(0.5)) preferred = "float32";
  return scope
      .one(primitive,
           fmt::format("dimension_numbers=(({}, {}), ({}, {})) precision=None preferred_element_type={}",
                       part(axes, 0, contracted), part(places, 0, contracted), part(axes, contracted, batched),
                       part(places, contracted, batched), preferred),
           {left, right})
      .has_value();
}

}  // namespace

Make makers::window(Primitive primitive) {
  if (primitive == Primitive::conv_general_dilated) return convolution;
  if (primitive == Primitive::reduce_window) return general_window_fold;
  if (primitive == Primitive::select_and_scatter_add) return select_and_scatter;
  if (primitive == Primitive::select_and_gather_add) return select_and_gather;
  return window_fold;
}

Make makers::contract(Primitive) {
  return dot;
}

}  // namespace jaxc::random_programs
