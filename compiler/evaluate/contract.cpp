// Evaluation of dot_general.
#include "compiler/evaluate/application.h"
#include "compiler/evaluate/indices.h"
#include "compiler/evaluate/scalar_math.h"
#include "compiler/evaluate/values.h"
#include "ir/prims/parameters.h"

namespace jaxc::compiler {

namespace {

using Results = std::vector<Array>;
using Places = std::vector<std::int64_t>;

// The places that an index over `axes` of an array reaches, in row-major order of those axes.
Places places_along(const Shape& shape, const std::vector<std::int64_t>& axes) {
  const Index strides = row_major_strides(shape);
  Shape extents;
  Index steps;
  for (std::int64_t axis : axes) {
    extents.push_back(shape[axis]);
    steps.push_back(strides[axis]);
  }
  Places places;
  for_each_index(extents, [&](const Index& index) { places.push_back(place_of(index, steps)); });
  return places;
}

std::vector<std::int64_t> free_axes(std::size_t rank, const std::vector<std::int64_t>& contracting,
                                    const std::vector<std::int64_t>& batch) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(rank); ++axis) {
    const auto is_axis = [&](std::int64_t other) { return other == axis; };
    if (std::none_of(contracting.begin(), contracting.end(), is_axis) &&
        std::none_of(batch.begin(), batch.end(), is_axis)) {
      axes.push_back(axis);
    }
  }
  return axes;
}

template <typename T>
Array contract(const Application& application) {
  const ir::DotNumbers numbers = ir::dot_numbers(application.parameters());
  const Shape& left_shape = application.operands[0].type().shape;
  const Shape& right_shape = application.operands[1].type().shape;
  const auto left = load<T>(application.operands[0]);
  const auto right = load<T>(application.operands[1]);
  const Places left_batch = places_along(left_shape, numbers.left_batch);
  const Places right_batch = places_along(right_shape, numbers.right_batch);
  const Places left_inner = places_along(left_shape, numbers.left_contracting);
  const Places right_inner = places_along(right_shape, numbers.right_contracting);
  const Places left_free =
      places_along(left_shape, free_axes(left_shape.size(), numbers.left_contracting, numbers.left_batch));
  const Places right_free =
      places_along(right_shape, free_axes(right_shape.size(), numbers.right_contracting, numbers.right_batch));
  std::vector<T> results;
  for (std::size_t batch = 0; batch < left_batch.size(); ++batch) {
    for (std::int64_t row : left_free) {
      for (std::int64_t column : right_free) {
        T sum = T(0);
        for (std::size_t k = 0; k < left_inner.size(); ++k) {
          sum = scalar_math::add(sum, scalar_math::multiply(left[left_batch[batch] + row + left_inner[k]],
                                                            right[right_batch[batch] + column + right_inner[k]]));
        }
        results.push_back(sum);
      }
    }
  }
  return store(application.types[0], results);
}

}  // namespace

std::vector<Array> evaluators::dot_general(const Application& a) {
  return visit_wide(a.types[0].dtype, [&]<typename T>(T) -> Results { return {contract<T>(a)}; });
}

}  // namespace jaxc::compiler
