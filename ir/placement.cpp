// Compares placements by their canonical layouts.
#include "ir/placement.h"

#include <algorithm>

namespace jaxc::ir {

namespace {

std::vector<std::pair<NodeId, std::int64_t>> sorted(const std::vector<Placement::LoopStride>& strides) {
  std::vector<std::pair<NodeId, std::int64_t>> result;
  for (const Placement::LoopStride& stride : strides)
    if (stride.stride != 0) result.emplace_back(stride.loop, stride.stride);
  std::sort(result.begin(), result.end());
  return result;
}

bool same_origin(const Placement& left, const Placement& right) {
  return left.buffer == right.buffer && left.offset == right.offset &&
         sorted(left.loop_strides) == sorted(right.loop_strides);
}

}  // namespace

Layout layout(const Shape& shape, const std::vector<std::int64_t>& strides) {
  Layout result;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (shape[k] == 1) continue;
    if (!result.extents.empty() && result.strides.back() == strides[k] * shape[k]) {
      result.extents.back() *= shape[k];
      result.strides.back() = strides[k];
    } else {
      result.extents.push_back(shape[k]);
      result.strides.push_back(strides[k]);
    }
  }
  return result;
}

bool same_place(const Program& program, const Plan& plan, ArrayId left, ArrayId right) {
  if (left == right) return true;
  const Placement& first = plan.placements[left];
  const Placement& second = plan.placements[right];
  return same_origin(first, second) &&
         layout(program.arrays[left].shape, first.strides) == layout(program.arrays[right].shape, second.strides);
}

bool is_dense(const Program& program, const Plan& plan, ArrayId array) {
  const Placement& placement = plan.placements[array];
  const Storage storage = plan.buffers[placement.buffer].storage;
  if (storage == Storage::stack || storage == Storage::registers || storage == Storage::shared) return false;
  Layout rows;
  if (const std::int64_t count = element_count(program.arrays[array].shape); count != 1) rows = {{count}, {1}};
  return layout(program.arrays[array].shape, placement.strides) == rows;
}

bool is_view(const Program& program, const Plan& plan, ArrayId slice, ArrayId whole, int axis, NodeId loop) {
  const auto dimension = static_cast<std::size_t>(axis);
  Placement expected = plan.placements[whole];
  expected.loop_strides.push_back({loop, expected.strides[dimension]});
  expected.strides.erase(expected.strides.begin() + axis);
  const Placement& actual = plan.placements[slice];
  const Shape& shape = program.arrays[slice].shape;
  return same_origin(expected, actual) && layout(shape, expected.strides) == layout(shape, actual.strides);
}

}  // namespace jaxc::ir
