// Affine forms by collecting coefficients; coverage by the mixed radix test.
#include "ir/affine.h"

#include <algorithm>
#include <utility>

namespace jaxc::ir {

namespace {

using Wide = __int128;

std::int64_t saturate(Wide value) {
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  if (value > limit) return limit;
  if (value < -limit) return -limit;
  return static_cast<std::int64_t>(value);
}

}  // namespace

std::optional<int> Affine::identity() const {
  if (offset != 0) return std::nullopt;
  std::optional<int> found;
  for (std::size_t axis = 0; axis < coefficients.size(); ++axis) {
    if (coefficients[axis] == 0) continue;
    if (found || coefficients[axis] != 1) return std::nullopt;
    found = static_cast<int>(axis);
  }
  return found;
}

std::optional<Affine> affine(const Index& index, const Region& body, std::size_t axis_count) {
  Affine form{index.offset, std::vector<std::int64_t>(axis_count, 0)};
  for (const Index::Term& term : index.terms) {
    const ScalarOp& op = body.ops[term.op];
    if (op.opcode != Opcode::axis) return std::nullopt;
    std::int64_t& coefficient = form.coefficients[op.immediate];
    coefficient = saturate(Wide{coefficient} + term.coefficient);
  }
  return form;
}

Interval interval(const Affine& form, std::span<const Axis> axes) {
  Wide low = form.offset;
  Wide high = form.offset;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    const Wide last = Wide{form.coefficients[axis]} * (axes[axis].extent - 1);
    (last < 0 ? low : high) += last;
  }
  return {saturate(low), saturate(high)};
}

bool covers_once(std::span<const Affine> indices, std::span<const Axis> axes, const std::vector<bool>& stored,
                 const Shape& shape) {
  std::int64_t elements = 1;
  for (std::int64_t extent : shape) elements *= extent;
  Wide points = 1;
  for (std::size_t axis = 0; axis < axes.size(); ++axis)
    if (stored[axis]) points = std::min(points * axes[axis].extent, Wide{max_bytes} * 2);
  if (points != elements) return false;
  if (elements == 0) return true;

  std::vector<std::pair<Wide, std::int64_t>> radix;  // coefficient of the element number, extent
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    Wide coefficient = 0;
    Wide stride = 1;
    for (std::size_t dimension = shape.size(); dimension-- > 0;) {
      coefficient += stride * indices[dimension].coefficients[axis];
      stride *= shape[dimension];
    }
    if (!stored[axis] && coefficient != 0) return false;
    if (stored[axis] && axes[axis].extent > 1)
      radix.emplace_back(coefficient < 0 ? -coefficient : coefficient, axes[axis].extent);
  }
  for (std::size_t dimension = 0; dimension < shape.size(); ++dimension) {
    const Interval range = interval(indices[dimension], axes);
    if (range.low < 0 || range.high >= shape[dimension]) return false;
  }
  std::sort(radix.begin(), radix.end());
  Wide expected = 1;
  for (const auto& [coefficient, extent] : radix) {
    if (coefficient != expected) return false;
    expected *= extent;
  }
  return true;
}

}  // namespace jaxc::ir
