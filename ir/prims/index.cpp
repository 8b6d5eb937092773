// Signatures of the primitives that read or write at computed places.
#include "ir/prims/checks.h"
#include "ir/prims/parameters.h"

namespace jaxc::ir {

namespace {

void require_scalar_indices(const TypeQuery& query, std::size_t first, std::size_t rank) {
  query.require(query.operands.size() == first + rank, "takes one index per axis, {} of them, got {}", rank,
                query.operands.size() - std::min(first, query.operands.size()));
  for (std::size_t i = first; i < query.operands.size(); ++i) {
    const Type& index = query.operands[i];
    query.require(is_integer(index.dtype) && index.shape.empty(), "indices must be integer scalars, got {}",
                  to_string(index));
  }
}

Types dynamic_slice_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const std::size_t rank = operand.shape.size();
  require_scalar_indices(query, 1, rank);
  const auto sizes = query.parameters().integers("slice_sizes");
  require_count(query, "slice_sizes", sizes.size(), rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    query.require(sizes[axis] >= 0 && sizes[axis] <= operand.shape[axis],
                  "slice_sizes must lie within the operand's extents, got {} and {} on axis {}", sizes[axis],
                  operand.shape[axis], axis);
  }
  return {{operand.dtype, sizes}};
}

Types dynamic_update_slice_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const Type& update = query.operands[1];
  const std::size_t rank = operand.shape.size();
  query.require(update.dtype == operand.dtype, "update and operand must have one dtype, got {} and {}",
                name(update.dtype), name(operand.dtype));
  query.require(update.shape.size() == rank, "update and operand must have one rank, got {} and {}",
                to_string(update.shape), to_string(operand.shape));
  for (std::size_t axis = 0; axis < rank; ++axis) {
    query.require(update.shape[axis] <= operand.shape[axis], "the update must fit the operand, got {} and {}",
                  to_string(update.shape), to_string(operand.shape));
  }
  require_scalar_indices(query, 2, rank);
  return {operand};
}

void require_index_array(const TypeQuery& query, const Type& indices, std::size_t components) {
  query.require(is_integer(indices.dtype) && !indices.shape.empty(),
                "indices must be an integer array whose last axis holds an index vector, got {}", to_string(indices));
  query.require(indices.shape.back() == static_cast<std::int64_t>(components),
                "index vectors must have {} components, got {}", components, indices.shape.back());
}

// Batch axes of operand and indices pair up and agree.
void require_batch_axes(const TypeQuery& query, const Type& operand, const Axes& operand_axes, const Type& indices,
                        const Axes& index_axes) {
  require_count(query, "start_indices_batching_dims", index_axes.size(), operand_axes.size());
  require_axes(query, index_axes, indices.shape.size() - 1);
  for (std::size_t i = 0; i < operand_axes.size(); ++i) {
    query.require(operand.shape[operand_axes[i]] == indices.shape[index_axes[i]],
                  "batch extents must agree, got {} and {}", operand.shape[operand_axes[i]],
                  indices.shape[index_axes[i]]);
  }
}

// The axes of a result that hold windows, increasing.
std::vector<bool> require_window_axes(const TypeQuery& query, const Axes& axes, std::size_t rank) {
  for (std::size_t i = 1; i < axes.size(); ++i) {
    query.require(axes[i - 1] < axes[i], "window axes must increase, got {} after {}", axes[i], axes[i - 1]);
  }
  return require_axes(query, axes, rank);
}

Axes joined(const Axes& left, const Axes& right) {
  Axes all = left;
  all.insert(all.end(), right.begin(), right.end());
  return all;
}

Types gather_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const Type& indices = query.operands[1];
  const GatherNumbers numbers = gather_numbers(query.parameters());
  gather_mode(query.parameters());
  const auto sizes = query.parameters().integers("slice_sizes");
  const std::size_t rank = operand.shape.size();
  require_index_array(query, indices, numbers.start_index_map.size());
  require_axes(query, numbers.start_index_map, rank);
  require_count(query, "slice_sizes", sizes.size(), rank);
  const auto dropped = require_axes(query, joined(numbers.collapsed_axes, numbers.operand_batch_axes), rank);
  const auto is_collapsed = require_axes(query, numbers.collapsed_axes, rank);
  require_batch_axes(query, operand, numbers.operand_batch_axes, indices, numbers.index_batch_axes);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    query.require(sizes[axis] >= 0 && sizes[axis] <= operand.shape[axis],
                  "slice_sizes must lie within the operand's extents, got {} and {} on axis {}", sizes[axis],
                  operand.shape[axis], axis);
    // A batch axis may be empty: then so is the result.
    const bool empty = operand.shape[axis] == 0 && !is_collapsed[axis];
    query.require(!dropped[axis] || sizes[axis] == 1 || empty,
                  "collapsed axes must have slices of 1, got {} on axis {}", sizes[axis], axis);
  }
  const Shape window = without_axes(sizes, dropped);
  require_count(query, "offset_dims", numbers.offset_axes.size(), window.size());
  const std::size_t result_rank = window.size() + indices.shape.size() - 1;
  const auto is_offset = require_window_axes(query, numbers.offset_axes, result_rank);
  Type result{operand.dtype, {}};
  std::size_t from_window = 0;
  std::size_t from_batch = 0;
  for (bool offset : is_offset) result.shape.push_back(offset ? window[from_window++] : indices.shape[from_batch++]);
  return {result};
}

/// Whether a scatter's function of the old element and the update gives the update.
bool returns_update(const Jaxpr& jaxpr) {
  if (jaxpr.inputs.size() != 2 || jaxpr.outputs.size() != 1) return false;
  const auto* output = std::get_if<Variable>(&jaxpr.outputs[0]);
  return output != nullptr && *output == jaxpr.inputs[1];
}

// Operands: operand, indices, updates.
Types scatter_types(const TypeQuery& query) {
  const Type& operand = query.operands[0];
  const Type& indices = query.operands[1];
  const Type& updates = query.operands[2];
  const ScatterNumbers numbers = scatter_numbers(query.parameters());
  scatter_mode(query.parameters());
  const std::size_t rank = operand.shape.size();
  query.require(updates.dtype == operand.dtype, "updates and operand must have one dtype, got {} and {}",
                name(updates.dtype), name(operand.dtype));
  require_index_array(query, indices, numbers.index_to_operand_axes.size());
  require_axes(query, numbers.index_to_operand_axes, rank);
  const auto dropped = require_axes(query, joined(numbers.inserted_axes, numbers.operand_batch_axes), rank);
  require_batch_axes(query, operand, numbers.operand_batch_axes, indices, numbers.index_batch_axes);
  const Shape window_bound = without_axes(operand.shape, dropped);
  require_count(query, "update_window_dims", numbers.update_window_axes.size(), window_bound.size());
  query.require(updates.shape.size() == window_bound.size() + indices.shape.size() - 1,
                "updates must have rank {}, got {}", window_bound.size() + indices.shape.size() - 1,
                to_string(updates.shape));
  const auto is_window = require_window_axes(query, numbers.update_window_axes, updates.shape.size());
  std::size_t from_window = 0;
  std::size_t from_batch = 0;
  for (std::size_t axis = 0; axis < is_window.size(); ++axis) {
    const std::int64_t extent = updates.shape[axis];
    if (is_window[axis]) {
      const std::int64_t bound = window_bound[from_window++];
      query.require(extent <= bound, "update windows must fit the operand, got {} and {}", extent, bound);
    } else {
      const std::int64_t expected = indices.shape[from_batch++];
      query.require(extent == expected, "updates and indices must agree, got {} and {}", extent, expected);
    }
  }
  // Where an update replaces the old element, nothing is computed, and no type matters.
  const Parameter* parameter = query.parameters().find("update_jaxpr");
  const auto* applied = parameter == nullptr ? nullptr : std::get_if<JaxprPointer>(&parameter->value);
  if (applied != nullptr && *applied != nullptr && !returns_update(**applied)) {
    const Type element{operand.dtype, {}};
    query.require(call_types(query, "update_jaxpr", **applied, std::vector{element, element}) == std::vector{element},
                  "update_jaxpr must return an element of the operand's dtype");
  }
  return {operand};
}

}  // namespace

namespace signatures {

const Signature dynamic_slice{dynamic_slice_types, {dtypes::any, OperandCount::at_least(1)}};
const Signature dynamic_update_slice{dynamic_update_slice_types, {dtypes::any, OperandCount::at_least(2)}};
const Signature gather{gather_types, {dtypes::any, 2}};
const Signature scatter{scatter_types, {dtypes::any, 3}};
const Signature scatter_add{scatter_types, {dtypes::numbers, 3}};
const Signature scatter_sub{scatter_types, {dtypes::numbers, 3}};
const Signature scatter_mul{scatter_types, {dtypes::numbers, 3}};
const Signature scatter_min{scatter_types, {dtypes::computable, 3}};
const Signature scatter_max{scatter_types, {dtypes::computable, 3}};

}  // namespace signatures

}  // namespace jaxc::ir
